"""Commands start fast: --help imports nothing that takes long, and the kernels are begun before anything else."""

import json
import os
import subprocess
import sys

from conftest import ROOT

# Libraries that take a tenth of a second or more to import. NumPy is not among them.
SLOW = ('jax', 'flax', 'optax', 'orbax', 'grain', 'optuna', 'scipy', 'matplotlib', 'polars', 'tensorboardX')
# Help texts that name every recipe read them from the modules that carry them out.
NEEDED = {'prepare_data.py': ['polars'], 'publish_tfds.py': ['polars']}
# Runs each script in a fork, whose standard output ends with the libraries of the second argument that were imported.
FORKED = """
import json, os, runpy, sys
import autoint_jax.command, autoint_jax.config.configuration

scripts, slow = map(json.loads, sys.argv[1:])
for script in scripts:
    sys.stdout.flush()
    if not os.fork():
        sys.argv, sys.path[0] = [script, '--help'], os.path.dirname(script)
        try:
            runpy.run_path(script, run_name='__main__')
        except SystemExit as ended:
            imported = [name for name in slow if name in sys.modules]
            print('\\n' + json.dumps([os.path.basename(script), ended.code, imported]), flush=True)
        os._exit(0)
    os.wait()
"""


def test_help_imports_nothing_that_takes_long():
    scripts = [
        str(path)
        for folder in ('scripts', 'experiments')
        for path in sorted((ROOT / folder).glob('*.py'))
        if 'command.run(main' in path.read_text()
    ]
    done = subprocess.run(
        [sys.executable, '-c', FORKED, json.dumps(scripts), json.dumps(SLOW)], capture_output=True, text=True
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('["')]
    assert len(scripts) > 20 and found == [
        [name, 0, NEEDED.get(name, [])] for name in map(os.path.basename, scripts)
    ], done.stderr


def test_the_kernels_are_begun_before_jax_is_imported(tmp_path):
    """With --data_dir=none training ends before it would need them."""
    code = (
        'import os, runpy, sys\n'
        'from autoint_jax.kernels import library\n'
        'def begin():\n    print("begun", "jax" in sys.modules, flush=True)\n'
        'library.begin = begin\n'
        f'sys.argv = ["{ROOT}/scripts/train.py", "--data_dir=none"]; sys.path[0] = "{ROOT}/scripts"\n'
        'runpy.run_path(sys.argv[0], run_name="__main__")'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, 'begun False\n') and 'no prepared data' in done.stderr
