"""Workers on a Ray cluster: what each gets, what Ray is asked for, and a sweep on a cluster of two nodes."""

import os
import re
import signal
import subprocess
import sys
import time
import types

import pytest
from conftest import ROOT
from sweep_cases import opened, task
from test_sweep_commands import TINY

from autoint_jax.config.folder import CONFIGS
from autoint_jax.errors import UsageError
from autoint_jax.sweeps import sweep_file
from autoint_jax.sweeps.engines import ray_cluster, ray_worker
from autoint_jax.sweeps.engines.ray_cluster import Submission
from autoint_jax.sweeps.engines.shares import Share
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.status import status

HEAD, CPUS, GPUS = Share(0, 0), Share(16, 0), Share(64, 8)


TAKE = """
import os, sys
from autoint_jax.sweeps.engines.cores import take_cores

taken = take_cores(int(sys.argv[1]))
assert not taken or os.sched_getaffinity(0) == set(taken)
print(*taken, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(os, 'sched_setaffinity'), reason='the system binds no processes to cores')
def test_no_two_processes_take_the_same_core(tmp_path):
    processes = []

    def taken(count):
        processes.append(
            subprocess.Popen(
                [sys.executable, '-c', TAKE, str(count)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | {'TMPDIR': str(tmp_path)},
            )
        )
        return list(map(int, processes[-1].stdout.readline().split()))

    first, *others = sorted(os.sched_getaffinity(0))
    assert taken(1) == [first]
    assert taken(len(others) + 1) == others  # all that are free
    assert taken(1) == []
    processes[0].kill()
    processes[0].wait()
    assert taken(2) == [first]
    for process in processes:
        process.communicate()


def test_without_ray_a_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(UsageError, match=re.escape("pip install -e '.[ray]'")), ray_cluster.connected('auto'):
        pass


@pytest.mark.parametrize('address, said', [('here', 'none of auto, local'), ('127.0.0.1:1', 'no Ray cluster answers')])
def test_an_address_without_a_cluster_is_refused_at_once(monkeypatch, address, said):
    monkeypatch.setitem(sys.modules, 'ray', types.ModuleType('ray'))
    with pytest.raises(UsageError, match=said), ray_cluster.connected(address):
        pass


class Ray(types.ModuleType):
    """A stand-in for Ray that notes what it is asked for. The results of its tasks are given."""

    class exceptions:
        class RayError(Exception):
            pass

        class RayTaskError(RayError):
            def __init__(self, cause):
                self.cause = cause

    def __init__(self, results):
        super().__init__('ray')
        self.results, self.asked, self.cancelled = results, [], []

    def remote(self, **resources):
        def options(**others):
            def submitted(*arguments):
                self.asked.append((resources | others, arguments))
                return len(self.asked) - 1

            return types.SimpleNamespace(remote=submitted)

        return lambda function: types.SimpleNamespace(options=options)

    def put(self, value):
        return value

    def wait(self, references, *, num_returns, timeout):
        if self.cancelled:
            return references, []
        if self.results[references[0]] is KeyboardInterrupt:
            raise KeyboardInterrupt
        return references[:1], references[1:]

    def get(self, reference):
        if isinstance(self.results[reference], Exception):
            raise self.results[reference]
        return self.results[reference]

    def cancel(self, reference):
        self.cancelled.append(reference)


def test_ray_is_asked_for_the_share_of_each_worker_and_their_errors_are_passed_on(tmp_path, monkeypatch, capsys):
    results = [None, 'no data', Ray.exceptions.RayTaskError(KeyError('x\ny')), Ray.exceptions.RayError('node died')]
    ray = Ray(results)
    monkeypatch.setitem(sys.modules, 'ray', ray)
    told = task(opened(tmp_path), workers=4)
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(UsageError) as raised:
        ray_cluster.run(Submission(told, Share(3, 1), 2, tmp_path))
    assert str(raised.value) == (
        "3 of 4 workers failed: worker 2: no data; worker 3: it raised KeyError: 'x\\ny'; "
        'worker 4: Ray gave it up after 2 retries: RayError: node died'
    )
    assert [asked for asked, _ in ray.asked] == [
        {
            'max_calls': 1,
            'num_cpus': 3,
            'num_gpus': 1,
            'name': f'worker {number}',
            'max_retries': 2,
            'scheduling_strategy': 'SPREAD',
        }
        for number in (1, 2, 3, 4)
    ]
    assert ray.asked[1][1] == (told, 'worker 2', tmp_path / 'worker_2.txt', Share(3, 1))
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith(': 3 pending, 0 running, 0 done, 0 failed, 0 pruned') and len(said) == 4
    assert ray.cancelled == [] and signal.getsignal(signal.SIGTERM) is handler


def test_workers_end_with_an_interrupted_command(tmp_path, monkeypatch):
    ray = Ray([None, KeyboardInterrupt, None])
    monkeypatch.setitem(sys.modules, 'ray', ray)
    told = task(opened(tmp_path), workers=3)
    with pytest.raises(KeyboardInterrupt):
        ray_cluster.run(Submission(told, Share(1, 0), 2, tmp_path))
    assert ray.cancelled == [1, 2]


def test_a_worker_writes_to_its_log_and_returns_errors_as_sentences(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_worker, 'take_cores', lambda count: tuple(range(count)))
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0,1')
    log = tmp_path / 'logs' / 'worker_1.txt'

    def trained(error, gpus=0):
        def work(task, name):
            print(f'{name} works')
            if error is not None:
                raise error

        monkeypatch.setattr(ray_worker, 'work', work)
        return ray_worker.train(task(opened(tmp_path)), 'worker 1', log, Share(2, gpus))

    assert 'pass a --sweeps_dir that all nodes of the cluster share' in trained(None)
    log.parent.mkdir()
    assert trained(None) is None and os.environ['CUDA_VISIBLE_DEVICES'] == ''
    assert re.fullmatch(r'worker 1 on .*: cores 0,1, GPUs none\nworker 1 works\n', log.read_text())
    assert trained(UsageError('no such data')) == 'no such data'
    with pytest.raises(ZeroDivisionError):
        trained(ZeroDivisionError('of all things'))
    said = log.read_text()
    assert 'error: no such data\n' in said and 'ZeroDivisionError: of all things' in said
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '3')
    monkeypatch.setattr(ray_worker.jax, 'default_backend', lambda: 'cpu')
    assert 'has GPUs for Ray, but JAX finds none' in trained(None, gpus=1)
    assert log.read_text().count('works') == 3 and 'cores 0,1, GPUs 3\n' in log.read_text()


@pytest.fixture
def cluster(monkeypatch):
    """A Ray cluster of two nodes on this machine, with a core each. The second has a GPU for Ray, but not for JAX."""
    pytest.importorskip('ray')
    from ray.cluster_utils import Cluster

    monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
    monkeypatch.setenv('RAY_USAGE_STATS_ENABLED', '0')
    small = {'num_cpus': 1, 'object_store_memory': 80_000_000}
    started = Cluster(initialize_head=True, head_node_args=small | {'include_dashboard': False})
    started.add_node(num_gpus=1, **small)
    yield started
    started.shutdown()


@pytest.mark.slow
def test_a_sweep_on_two_nodes_outlives_a_worker_and_the_command(cluster, command, data_dir, tmp_path):
    import ray

    def submitted(name, *arguments, workers=2):
        (tmp_path / f'{name}.toml').write_text(TINY.format(seeds=2, rates='[1e-3, 1e-2]'))
        folder = SweepFolder(sweep_file.load(tmp_path / f'{name}.toml', CONFIGS), tmp_path / 'sweeps' / name, 120.0)
        given = ['--engine=ray', f'--address={cluster.address}', f'--workers={workers}', f'--data_dir={data_dir}']
        given += [f'--sweep={name}.toml', f'--results_dir=results_{name}', *arguments]
        return folder, subprocess.Popen(
            [sys.executable, str(ROOT / 'scripts/sweep.py'), 'submit', *given],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def logs(folder):
        return {path.name: path.read_text() for path in (folder.path / 'ray').glob('*/*')}

    def wait_until(true):
        deadline = time.monotonic() + 240
        while not true():
            assert time.monotonic() < deadline
            time.sleep(0.2)

    # A worker is killed while it trains, and the command waits.
    folder, process = submitted('killed', '--wait', '--ray_gpus=0')
    running = re.compile(r'worker 2 on .*, process (\d+): cores (\S+), GPUs none')
    wait_until(lambda: running.match(logs(folder).get('worker_2.txt', '')))
    pid = int(running.match(logs(folder)['worker_2.txt'])[1])
    wait_until(lambda: pid in {held.pid for trial in folder.trials() if (held := folder.state(trial)[1])})
    os.kill(pid, signal.SIGKILL)
    said, errors = process.communicate(timeout=300)
    assert process.returncode == 0, said + errors
    assert 'each worker gets 1 CPU core and 0 GPUs, and 2 of 2 can run at the same time' in said
    assert said.endswith('killed: 0 pending, 0 running, 4 done, 0 failed, 0 pruned\n')
    assert len(running.findall(logs(folder)['worker_2.txt'])) == 2
    first = re.match(r'worker 1 on .*: cores (\S+), GPUs none', logs(folder)['worker_1.txt'])[1]
    second = running.match(logs(folder)['worker_2.txt'])[2]
    assert first != second or len(os.sched_getaffinity(0)) == 1
    assert len(list((tmp_path / 'results_killed' / 'runs').glob('*.json'))) == 4

    # The command returns at once, and the workers go on.
    folder, process = submitted('left', '--ray_gpus=0')
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0 and status(folder).counts['done'] < 4, said + errors
    (name,) = re.findall(r'ray kill-actor --name=(\S+) --namespace=autoint_jax', said)
    wait_until(lambda: 'all workers have ended, 0 of them with an error' in logs(folder).get('submission.txt', ''))
    assert status(folder).counts['done'] == 4
    ray.init(address=cluster.address, namespace=ray_cluster.NAMESPACE)
    try:
        wait_until(lambda: name not in ray.util.list_named_actors())
    finally:
        ray.shutdown()

    # Ray gives a GPU to a worker, and the worker's error is that of the command.
    folder, process = submitted('on_gpu', '--wait', workers=1)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 2 and 'each worker gets 1 CPU core and 1 GPU, and' in said, said + errors
    assert 'error: 1 of 1 workers failed: worker 1: ' in errors and 'JAX finds none there' in errors
    assert 'GPUs 0\n' in logs(folder)['worker_1.txt']
