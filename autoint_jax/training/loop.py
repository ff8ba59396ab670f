"""The training of a run, from its configuration and prepared data to its result.

A run is a function of its configuration and its data. The order of rows depends only on (seed, epoch), and dropout only
on (seed, step). So the state with its step is enough to resume a run bit for bit.
"""

import contextlib
import pathlib
import time

from jax.sharding import Mesh

from autoint_jax.config.configuration import Config
from autoint_jax.data.store.columns import SPLITS, Columns
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.kernels import library
from autoint_jax.models.interacting.forms import missed_kernel
from autoint_jax.models.layers.dense import missed_dense_kernel
from autoint_jax.models.registry import table_values
from autoint_jax.training import setbacks
from autoint_jax.training.agreement import check_alike, check_forms
from autoint_jax.training.ancestor import Ancestor, check_origin
from autoint_jax.training.fields import boundaries, fitted_schema, recorded_boundaries
from autoint_jax.training.memory.room import Arrangement, arranged
from autoint_jax.training.processes.decisions import decided
from autoint_jax.training.progress import Reporter
from autoint_jax.training.run import Run
from autoint_jax.training.run_folder import events
from autoint_jax.training.run_folder.result import Result
from autoint_jax.training.step import loss, placement
from autoint_jax.training.step.schedule import make_schedule
from autoint_jax.training.step.state import Setup, make_setup
from autoint_jax.training.tables import dense_tables, learning_rate
from autoint_jax.training.tables.choice import missed_table_kernel
from autoint_jax.training.trainer import RunTrainer


def fit(
    config: Config, data: PreparedData, run_dir: pathlib.Path, reporter: Reporter, ancestor: Ancestor | None = None
) -> Result:
    """Trains a run, or resumes it, and returns its result. If the run is complete, nothing is trained.

    A round takes the steps up to the next evaluation, evaluates, and saves. It is reported while the steps of the next
    round are under way. At the end the state that is best by `training.monitor` is tested.

    Args:
      config: the configuration of the run.
      data: the prepared data that it names.
      run_dir: the run folder.
      reporter: told of progress, and closed at the end.
      ancestor: the run from whose state this one goes on; its digest is `config.init_state`.

    Raises UsageError if the folder belongs to another run, the run does not fit into memory, it cannot go on from the
    state of its ancestor, or training diverges.
    """
    began = time.perf_counter()
    with contextlib.closing(reporter):
        reporter.doing('computing quantiles of numeric fields and planning memory')
        mesh, splits = placement.run_mesh(config.mesh), open_splits(data)
        check_alike(config, data, mesh)
        check_origin(config, ancestor, begun=decided(lambda: (run_dir / 'run.json').exists()))
        taken_over = None if ancestor is None else ancestor.boundaries
        quantiles = decided(
            lambda: boundaries(fitted_schema(config, data, taken_over or recorded_boundaries(run_dir, data.hash)))
        )
        setup = make_setup(config, fitted_schema(config, data, quantiles), placement.platform(mesh))
        check_forms(setup)
        if ancestor is not None:
            ancestor.check(setup, data)
        complete = decided(lambda: (run_dir / 'result.json').exists())
        arrangement = None if complete else _arranged(setup, splits, mesh)  # before anything is written
        with contextlib.closing(Run(setup, data, run_dir, ancestor=ancestor)) as run:
            if run.result is None:
                say_what_is_special(run.setup, len(splits['train']), reporter)
                fits = arrangement or _arranged(setup, splits, mesh)
                RunTrainer(run, splits, fits, mesh, reporter).train(began)
            return run.finished_result()


def _arranged(setup: Setup, splits: dict[str, Columns], mesh: Mesh) -> Arrangement:
    """Returns how the run fits into memory, by that of the first process."""
    return Arrangement(*decided(lambda: arranged(setup, split_rows(splits), mesh)))


def say_what_is_special(setup: Setup, rows: int, reporter: Reporter) -> None:
    """Reports what this machine lacks (kernels, packages), rules of training, and fields of different widths.

    Args:
      setup: of the run.
      rows: number of training rows.
      reporter: told of it.
    """
    config = setup.config
    if sentence := events.not_written():
        reporter.say(sentence)
    missed = missed_kernel(config.execution.form, config.model, setup.platform) if setup.form else ''
    if setup.model.dense_layers(config.model):
        missed = missed or missed_dense_kernel(config.execution.dense_form, setup.platform)
    missed = missed or missed_table_kernel(config.optimizer, config.execution.tables_form, setup.platform)
    if missed:
        reporter.say(f'the compiled kernels are not used: {missed}')
    elif 'cpu_kernel' in (setup.form, setup.dense_form, setup.table_form) and (sentence := library.not_kept()):
        reporter.say(sentence)
    # A run that goes on from another one counts the steps of that one, too.
    steps = None if config.init_state else make_schedule(config, rows).last_step
    for sentence in filter(
        None,
        (
            learning_rate.sentence(config.optimizer),
            learning_rate.cut_short(config.optimizer, steps) if steps else '',
            setbacks.too_late(config),
            loss.sentence(config.training, setup.schema),
        ),
    ):
        reporter.say(sentence)
    if (advice := dense_tables.advice(setup.config, setup.table_specs)) is not None:
        reporter.say(advice)
    own, alike = table_values(setup.config.model, setup.schema)
    if own != alike:
        reporter.say(
            f'fields of different widths: {own:,} values in tables, {1 - own / alike:.0%} fewer than the '
            f'{alike:,} of one width'
        )


def open_splits(data: PreparedData) -> dict[str, Columns]:
    """Returns the columns of every split, {split: columns}. Raises UsageError if a split is empty."""
    splits = {split: data.split(split) for split in SPLITS}
    for split, columns in splits.items():
        if not len(columns):
            raise UsageError(f'the {split} split of {data.folder} has no rows: prepare the data with another split')
    return splits


def split_rows(splits: dict[str, Columns]) -> dict[str, int]:
    """Returns the number of rows of each split."""
    return {split: len(columns) for split, columns in splits.items()}
