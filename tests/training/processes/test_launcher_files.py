"""The launchers' files on docs/devices.md: they parse, agree with themselves, and name flags that exist."""

import re
import shlex

import pytest
import yaml
from conftest import ROOT
from test_page_commands import DOOR

from autoint_jax.training.processes.launchers import launch


def block(kind):
    """The example of a kind on the page."""
    (found,) = re.findall(
        rf'^```{kind}\n(.*?)^```$', (ROOT / 'docs' / 'devices.md').read_text(), re.DOTALL | re.MULTILINE
    )
    return found


def training(words):
    """The words of a command from train.py on."""
    return words[words.index('scripts/train.py') :]


def indexed_job():
    service, job = yaml.safe_load_all(block('yaml'))
    return service, job


def commands():
    job = indexed_job()[1]
    return {
        'sbatch': shlex.split(block('sbatch').splitlines()[-1]),
        'mpirun': shlex.split(block('mpirun')),
        'kubernetes': job['spec']['template']['spec']['containers'][0]['command'],
        'by hand': shlex.split(block('by-hand').splitlines()[1]),
    }


@pytest.mark.parametrize('launcher', ['sbatch', 'mpirun', 'kubernetes', 'by hand'])
def test_flags_exist(launcher, forks):
    script, *flags = training(commands()[launcher])
    done = forks.run([str(ROOT / script), *flags], ROOT, code=DOOR)
    assert done.returncode == 0 and done.stdout.endswith('passed\n'), done.stderr


def test_the_batch_script_starts_tasks_by_srun():
    lines = block('sbatch').splitlines()
    options = dict(line.removeprefix('#SBATCH --').partition('=')[::2] for line in lines[1:-1])
    assert lines[0] == '#!/bin/bash' and lines[-1].startswith('srun python scripts/train.py ')
    assert options['ntasks-per-node'] == options['gpus-per-node']  # a process takes the GPU of its number on the host
    assert '--coordinator' not in lines[-1]


def test_mpirun_gives_what_open_mpi_5_lacks():
    words = commands()['mpirun']
    count, hosts = int(words[words.index('-n') + 1]), words[words.index('--host') + 1].split(',')
    assert sum(int(host.split(':')[1]) for host in hosts) == count
    coordinator = next(word.split('=')[1] for word in words if word.startswith('--coordinator='))
    assert coordinator.split(':')[0] == hosts[0].split(':')[0]  # process 0 runs on the first host


def test_the_indexed_job_names_its_pods():
    service, job = indexed_job()
    flags = dict(word.removeprefix('--').split('=') for word in commands()['kubernetes'] if word.startswith('--'))
    spec, pod = job['spec'], job['spec']['template']['spec']
    assert spec['completionMode'] == 'Indexed' and spec['completions'] == spec['parallelism'] == int(flags['processes'])
    assert service['spec']['clusterIP'] == 'None' and service['spec']['selector'] == {
        'job-name': job['metadata']['name']
    }
    assert pod['subdomain'] == service['metadata']['name'] and pod['restartPolicy'] == 'Never'
    coordinator = f'{job["metadata"]["name"]}-0.{pod["subdomain"]}:5555'
    assert flags['coordinator'] == coordinator
    found = launch(flags['coordinator'], int(flags['processes']), None, {'JOB_COMPLETION_INDEX': '1'})
    assert (found.coordinator, found.processes, found.process) == (coordinator, 2, 1)
