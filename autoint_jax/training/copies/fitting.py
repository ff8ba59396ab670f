"""Training of copies of a run in one compiled program. Copies differ in options that change no shape, such as the seed.

Each copy is a run like any other, with its own folder, order of rows, initial state, dropout, early stop, best state
and result. On one CPU device its numbers equal those of the run alone, bit for bit, if both have the same slices. On
several devices, as scripts/train.py makes one for each core, they differ by rounding.
"""

import contextlib
import pathlib
import time
from collections.abc import Sequence

from autoint_jax.config.configuration import Config
from autoint_jax.config.mesh_config import MeshConfig
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.training.copies.options import varying_options
from autoint_jax.training.copies.programs import replica_mesh
from autoint_jax.training.copies.trainer import CopiesTrainer
from autoint_jax.training.fields import fitted_schema, recorded_boundaries
from autoint_jax.training.loop import open_splits, say_what_is_special, split_rows
from autoint_jax.training.memory.room import arranged
from autoint_jax.training.processes import group
from autoint_jax.training.progress import Reporter
from autoint_jax.training.run import Run
from autoint_jax.training.run_folder.result import Result
from autoint_jax.training.step import placement
from autoint_jax.training.step.state import make_setup


def fit_copies(
    configs: Sequence[Config],
    data: PreparedData,
    run_dirs: Sequence[pathlib.Path],
    reporter: Reporter,
    own: Sequence[Reporter] = (),
) -> list[Result | UsageError]:
    """Trains the runs of some configurations in one program, or resumes them, and returns their results in order.

    A complete run is not trained again. If a run diverges, its error stands in place of its result, and the others go
    on. `train_seconds` of a copy are its part of the seconds of the program.

    Args:
      configs: the configurations of the runs; they differ in options that change no shape.
      data: the prepared data of all runs.
      run_dirs: their run folders.
      reporter: told about the program and about every copy, by a name such as 'seed=3 learning_rate=0.001'.
      own: one reporter per run, which is told about its run in place of `reporter`, as if the run trained alone.

    Raises:
      UsageError: configurations differ in an option that may change a shape; a folder belongs to another run; the
        rows must be streamed, which copies cannot share because each has its own order; there are other processes; or
        tables are to be split.
    """
    if group.count() > 1:
        raise UsageError(
            f'{len(configs)} copies of a run train in one process, and here are {group.count()}: start one process, '
            'or one run without config.replicas'
        )
    if named := next((config.init_state for config in configs if config.init_state), ''):
        raise UsageError(
            f'option init_state is {named!r}, but copies of a run begin with initial states: train one run at a time '
            'to go on from another run'
        )
    began = time.perf_counter()
    if configs[0].mesh != MeshConfig():
        raise UsageError(
            f'options mesh.table={configs[0].mesh.table} and mesh.data={configs[0].mesh.data} do not go with copies '
            'of a run, each of which trains on one device with whole tables: leave them out, or train one run at a time'
        )
    varying = varying_options(configs)
    recorded = next(
        (found for folder in run_dirs if (found := recorded_boundaries(folder, data.hash)) is not None), None
    )
    schema, splits = fitted_schema(configs[0], data, recorded), open_splits(data)
    unfinished = sum(not (folder / 'result.json').exists() for folder in run_dirs)
    mesh = replica_mesh(max(1, unfinished))
    setups = [make_setup(config, schema, placement.platform(mesh)) for config in configs]
    if unfinished:  # checked before anything is written
        arranged(setups[0], split_rows(splits), mesh, copies=unfinished)
    with contextlib.ExitStack() as opened:
        for told in {id(told): told for told in (reporter, *own)}.values():
            opened.callback(told.close)
        runs = [
            opened.enter_context(contextlib.closing(Run(setup, data, folder, copies=len(configs))))
            for setup, folder in zip(setups, run_dirs, strict=True)
        ]
        left = [number for number, run in enumerate(runs) if run.result is None]
        errors: dict[int, UsageError] = {}
        if left:
            say_what_is_special(runs[left[0]].setup, len(splits['train']), reporter)
            own_left = [own[number] for number in left] if own else []
            errors = CopiesTrainer([runs[number] for number in left], varying, splits, reporter, own_left).train(began)
        return [errors.get(id(run)) or run.finished_result() for run in runs]
