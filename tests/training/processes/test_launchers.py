"""The place of a process among those that share a run, by flags and by what launchers set."""

import pytest

from autoint_jax.errors import UsageError
from autoint_jax.training.processes.launchers import Launch, launch

SLURM = {
    'SLURM_JOB_ID': '7',
    'SLURM_STEP_NODELIST': 'node[03-05]',
    'SLURM_NTASKS': '3',
    'SLURM_PROCID': '2',
    'SLURM_LOCALID': '1',
}
OPEN_MPI_5 = {'OMPI_COMM_WORLD_SIZE': '4', 'OMPI_COMM_WORLD_RANK': '3', 'OMPI_COMM_WORLD_LOCAL_RANK': '1'}
OPEN_MPI_4 = OPEN_MPI_5 | {'OMPI_MCA_orte_hnp_uri': '1531576320.0;tcp://10.96.0.1,10.148.0.1:34911'}
PMI = {'PMI_SIZE': '2', 'PMI_RANK': '1'}
INDEXED_JOB = {'JOB_COMPLETION_INDEX': '1', 'KUBERNETES_SERVICE_HOST': '10.0.0.1'}
HERE = 'node1:5555'


@pytest.mark.parametrize(
    ('flags', 'environment', 'expected'),
    [
        ((None, None, None), {}, None),
        ((None, 1, None), {}, None),
        ((HERE, 1, 0), {}, None),
        ((HERE, 2, 1), {}, Launch(HERE, 2, 1, None)),
        ((None, None, None), SLURM, Launch(f'node03:{65536 - 4096 + 7}', 3, 2, 1)),
        ((HERE, None, None), SLURM, Launch(HERE, 3, 2, 1)),
        ((None, None, None), SLURM | {'JAX_LOCAL_DEVICE_IDS': '0,1'}, Launch('node03:61447', 3, 2, None)),
        ((None, None, None), SLURM | {'SLURM_NTASKS': '1', 'SLURM_PROCID': '0'}, None),
        ((None, None, None), SLURM | {'CUDA_VISIBLE_DEVICES': '0,1'}, Launch('node03:61447', 3, 2, 1)),
        ((None, None, None), SLURM | {'CUDA_VISIBLE_DEVICES': '0'}, Launch('node03:61447', 3, 2, None)),
        ((None, 1, None), SLURM, None),
        # A batch script that does not use srun is one process, whatever the job has asked for.
        ((None, None, None), {name: value for name, value in SLURM.items() if name != 'SLURM_STEP_NODELIST'}, None),
        ((None, None, None), OPEN_MPI_4, Launch(f'10.96.0.1:{1531576320 // 4096 % 4096 + 61440}', 4, 3, 1)),
        ((HERE, None, None), OPEN_MPI_5, Launch(HERE, 4, 3, 1)),
        ((HERE, None, None), PMI, Launch(HERE, 2, 1, None)),
        ((HERE, 2, None), INDEXED_JOB, Launch(HERE, 2, 1, None)),
        ((None, 1, None), INDEXED_JOB, None),
    ],
)
def test_place(flags, environment, expected, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert launch(*flags, environment) == expected


@pytest.mark.parametrize(
    ('flags', 'environment', 'sentence'),
    [
        ((HERE, None, None), {}, '--coordinator and --process need --processes=N, the number of processes'),
        ((None, None, 1), {}, '--coordinator and --process need --processes=N'),
        ((HERE, 2, None), {}, '--processes=2 needs --process=I too, from 0 to 1, in each process'),
        ((None, 2, 0), {}, '2 processes need --coordinator=HOST:PORT'),
        ((HERE, 2, 2), {}, '--process=2 must be from 0 to 1, because --processes is 2'),
        ((HERE, 2, -1), {}, '--process=-1 must be from 0 to 1'),
        ((HERE, 0, 0), {}, '--processes=0 must be at least 1'),
        (('node1', 2, 0), {}, '--coordinator=node1 is not HOST:PORT, such as node1:5555'),
        (('node1:70000', 2, 0), {}, '--coordinator=node1:70000 is not HOST:PORT'),
        ((None, None, None), OPEN_MPI_5, '4 processes need --coordinator=HOST:PORT'),
        ((None, None, None), PMI, '2 processes need --coordinator=HOST:PORT'),
        (
            (None, None, None),
            INDEXED_JOB,
            'a Kubernetes Indexed Job started this process as number 1 and does not say of how many: give '
            '--processes=N and --coordinator=HOST:PORT, or --processes=1 if each process trains a run of its own',
        ),
        ((None, None, None), SLURM | {'SLURM_NTASKS': 'many'}, "the variable SLURM_NTASKS is 'many'"),
    ],
)
def test_no_process_trains_alone_by_mistake(flags, environment, sentence):
    with pytest.raises(UsageError) as raised:
        launch(*flags, environment)
    assert str(raised.value).startswith(sentence)
