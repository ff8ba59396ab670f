"""Times a server of a bundle on this machine, with requests of 100 and of 1,000 candidates.

Claim: on two CPU cores, with the client on the same machine, 99 of 100 requests of 100 candidates are answered within 6
milliseconds, and of 1,000 candidates within 30, with the model of MovieLens-1M.

    python scripts/export.py --run_dir=RUN_DIR --out=bundle --onnx_inputs=raw --context=Gender,Age
    python experiments/serving_load.py --bundle=bundle

The script starts scripts/serve.py, sends requests over kept connections, and ends it. Each size has two loads: a closed
loop of one connection, which shows what a request costs, and an open loop, in which requests come at random times at a
stated rate. The CPU time of the server for each request is measured, too. Values of requests are drawn from the golden
rows of the bundle, a column at a time. Time: two minutes. PASS: the open loop is within both limits. Writes
results/benchmarks/serving.json; --quick writes nothing and judges nothing.
"""

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command
from autoint_jax.errors import UsageError

_BUNDLE = flags.DEFINE_string('bundle', None, 'Folder of a bundle that was exported with --onnx_inputs=raw.')
_SECONDS = flags.DEFINE_float('seconds', 25.0, 'Seconds of each load.', lower_bound=0.1)
_RATES = flags.DEFINE_list('rates', ['60', '10'], 'Requests a second of the open loops, of 100 and 1,000 candidates.')
_SERVER = flags.DEFINE_list('server', [], 'Flags of scripts/serve.py, without dashes, such as threads=1.')
_ROWS = flags.DEFINE_boolean('rows', False, 'Send whole rows in place of one context and candidates.')
_QUICK = flags.DEFINE_boolean('quick', False, 'A moment for each load, no record and no verdict.')
_RESULTS_DIR = flags.DEFINE_string('results_dir', 'results/benchmarks', 'Folder of records.')

if __name__ == '__main__':
    command.parse()

import json
import os
import pathlib
import random
import re
import subprocess
import sys

import numpy
import onnxruntime
import starlette
import uvicorn

from autoint_jax.benchmarks.report import table, write_record
from autoint_jax.bundle.golden import read_golden
from autoint_jax.bundle.manifest import Manifest, verified
from autoint_jax.serving.load import Load, loaded
from autoint_jax.terminal import shown

SIZES = {100: 6.0, 1000: 30.0}  # {candidates: most milliseconds of 99 of 100 requests}
BODIES = 50  # different requests of each size
WARM_SECONDS = 2.0
SERVE = pathlib.Path(__file__).parents[1] / 'scripts' / 'serve.py'


def main(argv: list[str]) -> int:
    if _BUNDLE.value is None:
        raise UsageError('say which bundle to serve: --bundle=FOLDER')
    if len(_RATES.value) != len(SIZES) or not all(_is_rate(rate) for rate in _RATES.value):
        raise UsageError(f'--rates={",".join(_RATES.value)} must be {len(SIZES)} numbers above 0, one for each size')
    folder = pathlib.Path(_BUNDLE.value)
    manifest, seconds = verified(folder), 0.3 if _QUICK.value else _SECONDS.value
    server, port = _started(folder)
    loads, good = [], True
    try:
        for (count, limit), rate in zip(SIZES.items(), map(float, _RATES.value), strict=True):
            bodies = _bodies(folder, manifest, count)
            loaded(port, Load(bodies, min(seconds, WARM_SECONDS)))
            for asked in (0.0, rate):
                before = _cpu_seconds(server.pid)
                found = loaded(port, Load(bodies, seconds, asked)).figures()
                found['server_cpu_ms'] = 1e3 * (_cpu_seconds(server.pid) - before) / found['requests']
                loads.append({'candidates': count, 'rate': asked, 'limit_ms': limit if asked else None, **found})
                good &= not found['failed'] and (not asked or found['p99_ms'] < limit)
    finally:
        server.terminate()
        server.wait()
    header = ('candidates', 'load', 'requests/s', 'p50 ms', 'p95 ms', 'p99 ms', 'CPU ms', 'failed')
    rows = [
        (
            one['candidates'],
            f'open, {one["rate"]:g} a second' if one['rate'] else 'closed, one connection',
            *(one[name] for name in ('requests_per_second', 'p50_ms', 'p95_ms', 'p99_ms', 'server_cpu_ms', 'failed')),
        )
        for one in loads
    ]
    print('\n'.join(table(header, rows)))
    if _QUICK.value:
        print('quick: no verdict')
        return 0
    figures = {
        'model': manifest.model,
        'fields': len(manifest.fields),
        'bundle': manifest.sha256,
        'tables': manifest.precision,
        'context': [] if _ROWS.value else _context(manifest),
        'columns': [column.name for column in manifest.raw_inputs],
        'server_flags': list(_SERVER.value),
        'loads': loads,
        'packages_of_server': {
            'onnxruntime': onnxruntime.__version__,
            'numpy': numpy.__version__,
            'starlette': starlette.__version__,
            'uvicorn': uvicorn.__version__,
        },
    }
    path = pathlib.Path(_RESULTS_DIR.value, 'serving.json')
    write_record(path, 'serving', figures, ['experiments/serving_load.py', *sys.argv[1:]])
    print(f'{path}: {"PASS" if good else "FAIL"}')
    return 0 if good else 3


def _is_rate(text: str) -> bool:
    return bool(re.fullmatch(r'\d+(\.\d+)?', text)) and float(text) > 0


def _started(folder: pathlib.Path) -> tuple[subprocess.Popen[str], int]:
    """Starts a server of a bundle, and returns it and its port. Raises UsageError if it does not start."""
    command_line = [
        sys.executable,
        str(SERVE),
        f'--bundle={folder}',
        '--port=0',
        *(f'--{flag}' for flag in _SERVER.value),
    ]
    server = subprocess.Popen(command_line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None and server.stderr is not None
    said = server.stdout.readline()
    found = re.search(r':(\d+)/score', said)
    if not found:
        raise UsageError(f'the server did not start: {shown(server.stderr.read().strip() or said)}')
    return server, int(found[1])


def _cpu_seconds(process: int) -> float:
    """Returns the CPU time that a process has taken, in seconds."""
    after_name = pathlib.Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf('SC_CLK_TCK')


def _context(manifest: Manifest) -> list[str]:
    """Returns the columns of the context: those of the bundle, or none."""
    return list(manifest.context or ())


def _bodies(folder: pathlib.Path, manifest: Manifest, count: int) -> list[bytes]:
    """Returns bodies of requests with so many candidates."""
    rows, rng = read_golden(folder).rows, random.Random(count)
    names = [column.name for column in manifest.raw_inputs]
    context = [] if _ROWS.value else _context(manifest)
    others = [name for name in names if name not in context]
    bodies = []
    for _ in range(BODIES):
        candidates = [{name: rng.choice(rows)[name] for name in others} for _ in range(count)]
        shared = {name: rng.choice(rows)[name] for name in context}
        value = {'context': shared, 'candidates': candidates} if context else {'rows': candidates}
        bodies.append(json.dumps(value).encode())
    return bodies


if __name__ == '__main__':
    command.run(main)
