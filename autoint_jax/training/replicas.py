"""Training of several runs in one compiled program: they differ in options that change no shape, such as the seed.

Every copy is a run as any other, with its own folder, order of rows, initial state, dropout, early stop, best state and result. On the
CPU its numbers are those of the run alone where both cut batches into the same slices, bit for bit.
"""

import contextlib
import functools
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.replicas_config import OF_COPIES
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.training import replica_programs
from autoint_jax.training.fields import fitted_schema, recorded_boundaries
from autoint_jax.training.loop import Course, course, dispatched, say_what_is_special
from autoint_jax.training.memory.available import available_ram, device_memory
from autoint_jax.training.memory.room import arranged
from autoint_jax.training.progress import Reporter
from autoint_jax.training.replica_programs import BY_COPY, replica_mesh, stacked
from autoint_jax.training.run import Run
from autoint_jax.training.step import order, placement, slices
from autoint_jax.training.step.columns import bytes_per_row, resident_columns
from autoint_jax.training.step.feed import REPORT_STEPS, RESIDENT_SHARE, Chunk, chosen_feed
from autoint_jax.training.step.state import TrainState, setup, state_shapes

# Copies of a program at most: more gain nothing, and an interruption takes all of them back to their last checkpoints.
MOST_COPIES = 32


def fit_copies(
    configs: Sequence[Config],
    data: PreparedData,
    run_dirs: Sequence[pathlib.Path],
    reporter: Reporter,
    own: Sequence[Reporter] = (),
) -> list[dict[str, Any] | UsageError]:
    """Trains the runs of some configurations in one program, or goes on with them; returns their results in order.

    Runs that are complete are returned as they are. In place of the result of a run that diverged its error stands; the others go on.
    `train_seconds` of a copy are its share of the program's seconds.

    Args:
      configs: of the runs; they differ in options that change no shape.
      data: of all.
      run_dirs: their folders.
      reporter: told of the program, and of every copy by a name, such as 'seed=3 learning_rate=0.001'.
      own: a reporter of each run, which is told of it in place of `reporter`, as of a run alone.

    Raises:
      UsageError: configurations differ in an option that may change a shape; a folder belongs to another run; or the rows must be
        streamed, which copies, each in its own order, cannot share.
    """
    began = time.perf_counter()
    varying = varying_options(configs)
    recorded = next(
        (found for folder in run_dirs if (found := recorded_boundaries(folder, data.hash)) is not None), None
    )
    schema, leads = fitted_schema(configs[0], data, recorded), course(configs[0], data)
    unfinished = sum(not (folder / 'result.json').exists() for folder in run_dirs)
    if unfinished:  # asked before anything is written
        arranged(setup(configs[0], schema), leads.split_rows, replica_mesh(unfinished), copies=unfinished)
    with contextlib.ExitStack() as opened:
        for told in {id(told): told for told in (reporter, *own)}.values():
            opened.callback(told.close)
        runs = [
            opened.enter_context(contextlib.closing(Run(setup(config, schema), data, folder, copies=len(configs))))
            for config, folder in zip(configs, run_dirs, strict=True)
        ]
        left = [number for number, run in enumerate(runs) if run.result is None]
        errors = {}
        if left:
            say_what_is_special(runs[left[0]].made, reporter)
            errors = _Copies(
                [runs[number] for number in left],
                varying,
                data,
                reporter,
                [own[number] for number in left] if own else [],
            ).train(began)
        return [errors.get(id(run), run.result) for run in runs]


def copies_that_fit(config: Config, data: PreparedData, processes: int = 1) -> int:
    """How many copies of a run have room in half of the memory there is, beside the rows; at least 1, and 1 if rows must be streamed.

    A copy takes its state three times, where it trains, where it is saved from, and where a step writes the next one, and the order of
    two epochs. `processes` of this host share its main memory.
    """
    made, device = setup(config, fitted_schema(config, data)), jax.local_devices()[0]
    on_cpu, leads = device.platform == 'cpu', course(config, data)
    there = available_ram() if on_cpu else device_memory(device)
    streamed, _ = chosen_feed(config, sum(leads.split_rows.values()) * bytes_per_row(made.schema), there)
    if streamed:
        return 1
    state = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state_shapes(made)))
    orders = 2 * 4 * leads.epoch_steps * slices.cut(leads.batch_size, config, made.schema, replica_mesh(1)).padded_batch
    if there is None:
        return MOST_COPIES
    free = RESIDENT_SHARE * (there / processes if on_cpu else there * jax.local_device_count())
    return int(min(max(1, free // (3 * state + orders)), MOST_COPIES))


def varying_options(configs: Sequence[Config]) -> list[str]:
    """Returns the options in which copies differ: the seed, then others in the order of `replicas`.

    Raises:
      UsageError: the copies differ in another option.
    """
    allowed = ['seed', *OF_COPIES.values()]
    paths = {path: None for config in configs[1:] for path in configuration.differing(configs[0], config)}
    for path in paths:
        if path not in allowed:
            raise UsageError(f'copies of a run cannot differ in {path}: they can in {", ".join(allowed)}')
    return ['seed', *(path for path in allowed[1:] if path in paths)]


def copy_name(config: Config, varying: Sequence[str]) -> str:
    """'seed=3 learning_rate=0.001', of the options in which copies differ."""
    values = {path.rpartition('.')[2]: configuration.value(config, path) for path in varying}
    return ' '.join(
        f'{name}={value:g}' if isinstance(value, float) else f'{name}={value}' for name, value in values.items()
    )


class _Copies:
    """Runs that train in one program. Copies past the runs fill the devices; they take no step."""

    def __init__(
        self, runs: list[Run], varying: list[str], data: PreparedData, reporter: Reporter, own: list[Reporter]
    ):
        self._runs, self._reporter, self._own, self._made = runs, reporter, own, runs[0].made
        self._measures = runs[0].measures
        self._mesh = replica_mesh(len(runs))
        self._alone = placement.data_mesh(list(self._mesh.devices.flat[:1]))
        self._course: Course = course(self._made.config, data)
        self._names = [copy_name(run.made.config, varying) for run in runs]
        on_devices = self._mesh.devices.size
        self._filled = [*runs, *[runs[0]] * (-len(runs) % on_devices)]
        arrangement = arranged(self._made, self._course.split_rows, self._mesh, copies=len(runs))
        if arrangement.streamed:
            raise UsageError(
                f'{arrangement.sentence}: copies of a run cannot share that; train them one by one, without replicas'
            )
        if arrangement.warning:
            reporter.say(arrangement.warning)
        reporter.say(
            f'{arrangement.sentence}; {len(runs)} copies in one program, on '
            f'{placement.devices_sentence(self._mesh.devices.flat)}'
        )
        self._resident = {split: resident_columns(part, self._mesh) for split, part in self._course.columns.items()}
        self._cut = slices.cut(self._course.batch_size, self._made.config, self._made.schema, self._mesh)
        together = replica_programs.go_together(self._mesh)
        self._chunk = replica_programs.make_chunk(
            self._made, self._mesh, self._cut, max_steps=REPORT_STEPS, together=together
        )
        self._flush = replica_programs.make_flush(self._made, self._mesh, together=together)
        self._evaluator = replica_programs.make_evaluator(
            self._made, self._mesh, together=together, keep_logits=self._measures.keep_logits
        )
        self._options = {
            path: self._by_copy([configuration.value(run.made.config, path) for run in self._filled])
            for path in varying
        }
        self._errors: dict[int, UsageError] = {}

    def train(self, began: float) -> dict[int, UsageError]:
        """Trains all to their ends and writes their results; the errors of those that diverged, by the run's id."""
        self._reporter.doing('making the states')
        own = [run.latest(self._alone, functools.partial(self._say, copy)) for copy, run in enumerate(self._runs)]
        at, first_step_seconds = [int(state.step) for state in own], None
        for copy, step in enumerate(at):
            if step:
                self._say(copy, f'going on from step {step}')
        states = stacked([*own, *[own[0]] * (len(self._filled) - len(own))], self._mesh)
        del own
        orders = order.Ahead(self._orders, self._made.config.training.epochs)
        while training := [
            copy
            for copy, run in enumerate(self._runs)
            if at[copy] < self._course.last_step and not run.stopped and id(run) not in self._errors
        ]:
            # Copies that were saved at different steps before an interruption come level first.
            step = min(at[copy] for copy in training)
            training = [copy for copy in training if at[copy] == step]
            epoch, first = divmod(step, self._course.epoch_steps)
            stop = next(end for end in self._course.evaluated_after if end > first)
            began_round = before = time.perf_counter()
            losses = []
            self._reporter.doing('compiling and taking the first steps' if first_step_seconds is None else 'training')
            for states, of_chunk, count in dispatched(
                self._taking(training), states, self._chunks(orders.of(epoch), first, stop)
            ):
                self._report(training)
                losses.append(np.asarray(of_chunk)[:, :count])
                now, step = time.perf_counter(), step + count
                first_step_seconds = first_step_seconds or now - began
                self._steps(training, step, count * self._course.batch_size / (now - before))
                before = now
            states = self._flush(states, self._options)
            seconds = time.perf_counter() - began_round
            for copy in training:
                at[copy], self._runs[copy].seconds = step, self._runs[copy].seconds + seconds / len(training)
            self._evaluate(states, training, step, first, np.concatenate(losses, 1))
        self._report(range(len(self._runs)))
        self._reporter.doing('saving, and reading the best states')
        del states  # before the best ones are read
        self._test(first_step_seconds)
        return self._errors

    def _taking(self, training: list[int]) -> Callable:
        """The compiled chunk, in which the named copies take steps."""
        taking = np.isin(np.arange(len(self._filled)), training).astype(np.int32)
        return lambda states, columns, ordered, first, count: self._chunk(
            states, self._options, ordered, self._by_copy(count * taking), columns, first
        )

    def _chunks(self, ordered: jax.Array, first: int, stop: int) -> Iterator[Chunk]:
        for start in range(first, stop, REPORT_STEPS):
            yield Chunk(self._resident['train'], ordered, start, min(REPORT_STEPS, stop - start))

    def _evaluate(self, states: TrainState, training: list[int], step: int, first: int, losses: np.ndarray) -> None:
        """Evaluates and saves the copies that took steps, from step `first` of the epoch to step `step` of the run."""
        self._reporter.doing('evaluating on the valid split')
        scores = jax.device_get(self._evaluator(states.variables, states.tables, self._resident['valid']))
        on_host = jax.device_get(states)
        for copy in training:
            valid = self._measures.figures(_of(scores, copy), self._course.columns['valid'])
            try:
                train_logloss = order.mean_over_rows(
                    losses[copy], first, rows=self._course.rows, batch_size=self._course.batch_size
                )
                self._runs[copy].evaluated(
                    _of(on_host, copy), step, step / self._course.epoch_steps, train_logloss, valid
                )
            except UsageError as error:
                self._errors[id(self._runs[copy])] = error
                self._say(copy, str(error))

    def _test(self, first_step_seconds: float | None) -> None:
        """Tests the best state of every copy that is complete, and writes its result."""
        like = state_shapes(self._made)
        nothing = jax.tree.map(lambda shape: np.zeros(shape.shape, shape.dtype), like)
        states = [nothing if id(run) in self._errors else run.best(self._alone) for run in self._filled]
        together = stacked(states, self._mesh)
        del states
        scores = jax.device_get(self._evaluator(together.variables, together.tables, self._resident['test']))
        for copy, run in enumerate(self._runs):
            if id(run) not in self._errors:
                run.finish(
                    like,
                    self._measures.figures(_of(scores, copy), self._course.columns['test']),
                    epoch_steps=self._course.epoch_steps,
                    rows=self._course.rows,
                    first_step_seconds=first_step_seconds,
                )

    def _report(self, copies: Sequence[int]) -> None:
        for copy in copies:
            if self._own:
                self._runs[copy].report(self._own[copy])
            else:
                self._runs[copy].report(self._reporter, self._names[copy])

    def _say(self, copy: int, sentence: str) -> None:
        if self._own:
            self._own[copy].say(sentence)
        else:
            self._reporter.say(f'{self._names[copy]}  {sentence}')

    def _steps(self, training: list[int], step: int, rate: float) -> None:
        """Tells of steps of some copies, `rate` rows per second of each."""
        if self._own:
            for copy in training:
                self._own[copy].steps(step, self._course.last_step, rate)
        else:
            self._reporter.steps(step, self._course.last_step, len(training) * rate)

    def _orders(self, epoch: int) -> jax.Array:
        """Orders of an epoch, [r, steps, padded_batch]."""
        course, config = self._course, self._made.config
        return self._by_copy(
            [
                order.epoch_order(
                    run.made.config.seed,
                    epoch,
                    rows=course.rows,
                    batch_size=course.batch_size,
                    padded_batch=self._cut.padded_batch,
                    blocks=config.data.shuffle == 'blocks',
                )
                for run in self._filled
            ]
        )

    def _by_copy(self, values: Any) -> jax.Array:
        values = np.asarray(values)
        return jax.device_put(
            values.astype(np.float32) if values.dtype == np.float64 else values, NamedSharding(self._mesh, BY_COPY)
        )


def _of(tree: Any, copy: int) -> Any:
    return jax.tree.map(lambda array: array[copy], tree)
