"""The share of the CPU cores and GPUs of a machine that each worker of a sweep gets."""

import pytest

from autoint_jax.errors import UsageError
from autoint_jax.sweeps.engines.shares import Share, room, share_of_a_worker

HEAD, CPUS, GPUS = Share(0, 0), Share(16, 0), Share(64, 8)


@pytest.mark.parametrize(
    'nodes, workers, cpus, gpus, share, at_once',
    [
        ([CPUS, CPUS], 2, None, None, (16, 0), 2),
        ([HEAD, CPUS, CPUS], 5, None, None, (5, 0), 6),
        ([Share(3, 0), Share(8, 0)], 3, None, None, (3, 0), 3),
        ([GPUS, GPUS], 16, None, None, (8, 1), 16),
        ([GPUS, CPUS], 4, None, None, (16, 1), 4),
        ([GPUS, CPUS], 40, None, None, (8, 1), 8),
        ([GPUS, CPUS], 40, None, 0, (2, 0), 40),
        ([GPUS], 4, 10, 2, (10, 2), 4),
        ([Share(2, 0)], 5, None, None, (1, 0), 2),
    ],
)
def test_workers_share_the_nodes(nodes, workers, cpus, gpus, share, at_once):
    assert share_of_a_worker(nodes, workers, cpus, gpus) == share
    assert room(nodes, Share(*share)) == at_once


@pytest.mark.parametrize(
    'nodes, cpus, gpus, parts',
    [
        (
            [CPUS, GPUS],
            65,
            None,
            ['has 65 CPU cores and 1 GPU for', '16 CPU cores and 0 GPUs, 64 CPU cores and 8 GPUs'],
        ),
        ([CPUS], None, 1, ['has 1 CPU core and 1 GPU for', '--ray_gpus']),
        ([HEAD], None, None, ['its nodes have no CPU cores']),
    ],
)
def test_a_worker_that_fits_no_node_is_refused(nodes, cpus, gpus, parts):
    with pytest.raises(UsageError) as raised:
        share_of_a_worker(nodes, 2, cpus, gpus)
    assert [part for part in parts if part not in str(raised.value)] == []
