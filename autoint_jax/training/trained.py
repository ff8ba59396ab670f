"""A trained run, opened for evaluation, explanation or export."""

import pathlib
from typing import NamedTuple

from autoint_jax import config as configuration
from autoint_jax.data.prepared import PreparedData, open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.training import devices, records
from autoint_jax.training.checkpoints import Checkpoints
from autoint_jax.training.fields import fitted_schema
from autoint_jax.training.state import Setup, TrainState, initial_state, setup
from autoint_jax.training.stopping import best_evaluation


class TrainedRun(NamedTuple):
    made: Setup
    data: PreparedData
    state: TrainState


def open_run(run_dir: pathlib.Path, data_dir: str, step: int | None) -> TrainedRun:
    """Opens a run at its best checkpoint, or at that of `step`.

    Raises UsageError where the folder is no run, has no such checkpoint, or its data is not what it was trained on.
    """
    run = records.read_run(run_dir)
    config = configuration.from_tree(run['config'])
    data = open_prepared(data_dir, config.data.dataset, config.data.recipe)
    if data.hash != run['data_hash']:
        raise UsageError(f'{run_dir} was trained on other data than {data.folder} (hash {run["data_hash"][:12]}, not '
                         f'{data.hash[:12]}): pass the --data_dir it was trained on')
    made = setup(config, fitted_schema(config, data))
    checkpoints = Checkpoints(run_dir / 'checkpoints')
    try:
        known = checkpoints.steps()
        if not known:
            raise UsageError(f'{run_dir} has no checkpoint yet: train it first')
        if step is not None and step not in known:
            raise UsageError(f'{run_dir} has no checkpoint of step {step}: it has {", ".join(map(str, known))}')
        if step is None:
            step = best_evaluation(checkpoints.progress(known[-1])['evaluations'])['step']
        state, _ = checkpoints.restore(step, initial_state(made), devices.data_mesh())
    finally:
        checkpoints.close()
    return TrainedRun(made, data, state)
