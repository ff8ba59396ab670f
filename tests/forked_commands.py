"""Runs many commands in forks of one process that has imported what all of them import; prints a JSON list of what came of each.

python tests/forked_commands.py < JSON list of [script, argument, ...]
"""

import json
import os
import pathlib
import runpy
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[1]


def run(script: str, arguments: list[str]) -> dict:
    """Status, stdout and stderr of a script, as if it were started as a command."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(error.fileno(), 2)
            path = str(ROOT / script)
            sys.argv, sys.path[0] = [path, *arguments], os.path.dirname(path)
            try:
                runpy.run_path(path, run_name='__main__')
                status = 0
            except SystemExit as ended:
                if isinstance(ended.code, str):
                    print(ended.code, file=sys.stderr)
                status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
            except BaseException:
                sys.excepthook(*sys.exc_info())
                status = 1
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        error.seek(0)
        return {'status': status, 'out': out.read().decode(), 'error': error.read().decode()}


if __name__ == '__main__':
    import autoint_jax.benchmarks.gpu
    import autoint_jax.reproduction.pages
    import autoint_jax.training.replicas  # noqa: F401 - what takes long to import

    json.dump([run(script, arguments) for script, *arguments in json.load(sys.stdin)], sys.stdout)
