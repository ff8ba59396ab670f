"""Runs commands in forks of one process that has imported what all of them import, so that each starts at once.

A fork is a process of its own: it sets its folder, environment, arguments and streams, runs the script as the main
module and ends as the interpreter ends. Only the imports are shared, which no device and no thread of JAX's precedes.
"""

import atexit
import gc
import importlib
import json
import os
import pathlib
import pkgutil
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import Any, NoReturn

import quick_compilation

import autoint_jax

ROOT = pathlib.Path(__file__).parents[1]
# JAX and Python read their variables while they are imported: a process with others must be started anew.
READ_BY_IMPORTS = 'JAX_', 'PYTHON'


class Forks:
    """The process that forks. The first command starts it, with the environment in which this object was made.

    So a test that changes variables before the first command does not change them for the commands of later tests.
    """

    def __init__(self) -> None:
        self._server: subprocess.Popen | None = None
        self._environment = dict(os.environ)

    def run(
        self,
        arguments: list[str],
        folder: pathlib.Path | str,
        *,
        code: str = '',
        timeout: int = 240,
        **environment: str,
    ) -> subprocess.CompletedProcess:
        """Runs a script of the project, the first of `arguments`, in `folder`, or `python -c CODE ARGUMENTS`.

        A command that takes `timeout` seconds is ended by SIGALRM. `environment` changes variables of the tests'
        environment.
        """
        wanted = dict(os.environ) | environment
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, __file__],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        if read_by_imports(wanted) != read_by_imports(self._environment):
            command = ['-c', code, *arguments] if code else [str(ROOT / arguments[0]), *arguments[1:]]
            return subprocess.run(
                [sys.executable, *command], cwd=folder, env=wanted, capture_output=True, text=True, timeout=timeout
            )
        request = {
            'arguments': arguments,
            'code': code,
            'folder': str(folder),
            'environment': wanted,
            'timeout': timeout,
        }
        self._server.stdin.write(json.dumps(request) + '\n')
        self._server.stdin.flush()
        return subprocess.CompletedProcess(arguments, **json.loads(self._server.stdout.readline()))

    def close(self) -> None:
        if self._server is not None:
            self._server.stdin.close()
            self._server.wait()


def read_by_imports(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that JAX and Python read while they are imported."""
    return {name: value for name, value in environment.items() if name.startswith(READ_BY_IMPORTS)}


def _serve() -> dict[str, Any]:
    """Answers requests until there are no more; in a fork, returns the request that the fork is to fulfil."""
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
            child = os.fork()
            if not child:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(out.fileno(), 1)
                os.dup2(error.fileno(), 2)
                return request
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            out.seek(0)
            error.seek(0)
            reply = {'returncode': status, 'stdout': out.read().decode(), 'stderr': error.read().decode()}
        print(json.dumps(reply), flush=True)
    sys.exit()


def _become(request: dict[str, Any]) -> None:
    """Makes this process the command: its arguments, folder and environment, then its code."""
    os.chdir(request['folder'])
    os.environ.clear()
    os.environ.update(request['environment'])
    signal.alarm(request['timeout'])
    if request['code']:
        sys.argv, sys.path[0] = ['-c', *request['arguments']], ''
        exec(compile(request['code'], '<string>', 'exec'), {'__name__': '__main__'})
    else:
        path = str(ROOT / request['arguments'][0])
        sys.argv, sys.path[0] = [path, *request['arguments'][1:]], os.path.dirname(path)
        runpy.run_path(path, run_name='__main__')


def _end(status: int) -> NoReturn:
    """Ends a fork as the interpreter ends, but for taking its modules apart."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    os._exit(status)


def _main() -> None:
    request = _serve()
    try:
        _become(request)
        status = 0
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    _end(status)


if __name__ == '__main__':
    for module in pkgutil.walk_packages(autoint_jax.__path__, 'autoint_jax.'):
        importlib.import_module(module.name)
    quick_compilation.patch()
    gc.collect()
    gc.freeze()
    _main()
