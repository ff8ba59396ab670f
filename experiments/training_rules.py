"""Training rules: deferred Adam follows dense Adam under schedules, and clipping and a schedule cost little time.

Claim: deferred Adam makes up for missed steps with the rate that each had, so that a schedule brings it no further away
from dense Adam than a constant rate. The norm of a step and its rate take little time.

    python experiments/training_rules.py --parts=tables,time
    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/training_rules.py --parts=training --dataset=movielens_1m

Parts: `tables` updates a table by made-up gradients, the same for both optimizers, in seconds. `training` trains
AutoInt, where differences of rounding grow; about ten minutes on two CPU cores. `time` times steps in turn on made-up
data, so nothing else should run. PASS: after 2,000 steps, tables of deferred Adam differ from those of dense Adam, as a
share of their movement, at most twice as much under each rule as under a constant rate; a step with clipping and a
schedule takes at most 1.05 times as long as without, in the median over windows. Each part writes
results/training_rules_PART.{json,csv}.
"""

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.config import configuration

PARTS = ('tables', 'training', 'time')
_PARTS = flags.DEFINE_list('parts', list(PARTS), f'Parts to run, of {", ".join(PARTS)}.')
_FOLLOWED = flags.DEFINE_integer(
    'followed_steps', 2000, 'Number of steps after which parameters are compared.', lower_bound=1
)
_WINDOWS = flags.DEFINE_integer('windows', 9, 'Number of windows in which each step is timed.', lower_bound=1)
_SECONDS = flags.DEFINE_float('seconds', 2.0, 'Seconds of a window.', lower_bound=0.001)
flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import statistics
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.benchmarks.shapes import SHAPES
from autoint_jax.benchmarks.stepping import StepBenchmark
from autoint_jax.benchmarks.windows import Timing, in_turn, medians
from autoint_jax.config.configuration import Config
from autoint_jax.config.rates import rates_of
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError, nearest
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.reproduction import trajectory
from autoint_jax.training.tables.choice import chosen_table_form, table_optimizer

MOST_SHARE, MOST_TIME = 2.0, 1.05
ROWS, LOOKUPS, WIDTH = 5000, 256, 16  # of the table of `tables`; few rows are read often, most of them rarely
QUICK_STEPS, QUICK_TIMING = 10, Timing(1, 0.01)  # with --quick
TIMED = {
    'optimizer.clip_norm': 10.0,
    'optimizer.schedule': 'cosine',
    'optimizer.warmup_steps': 500,
    'optimizer.schedule_steps': 20_000,
}


def schedules(steps: int) -> dict[str, dict[str, Any]]:
    """Returns {name: options} of the rules under which optimizers are compared over so many steps."""
    ends, warm = {'optimizer.schedule_steps': steps}, {'optimizer.warmup_steps': steps // 10}
    return {
        'constant': {},
        'cosine with warm-up': {'optimizer.schedule': 'cosine', **ends, **warm},
        'linear': {'optimizer.schedule': 'linear', **ends},
        'step': {'optimizer.schedule': 'step', 'optimizer.decay_every': max(1, steps // 4), **ends},
        'inverse_root': {'optimizer.schedule': 'inverse_root', **ends, **warm},
    }


def trained(base: Config, steps: int) -> Callable[[dict[str, Any]], dict[str, float]]:
    """Returns a function that trains AutoInt by both optimizers under some options: options -> distances."""
    data = open_prepared(common.DATA_DIR.value, base.data.dataset, base.data.recipe)

    def distances(options: dict[str, Any]) -> dict[str, float]:
        dense, deferred = (
            configuration.replace(base, {**options, 'optimizer.tables': tables}) for tables in ('adam', 'deferred_adam')
        )
        start, reference = (trajectory.after_steps(dense, data, count) for count in (0, steps))
        return trajectory.distances(start, reference, trajectory.after_steps(deferred, data, steps))

    return distances


def updated(steps: int) -> Callable[[dict[str, Any]], dict[str, float]]:
    """Returns a function that updates a table by both optimizers and made-up gradients: options -> distances."""
    rng = np.random.default_rng(0)
    numbers = np.minimum(ROWS ** rng.random((steps, LOOKUPS)), ROWS - 1).astype(np.int32)
    gradients = 1e-3 * (rng.normal(size=(steps, LOOKUPS, WIDTH)) + 0.3 * np.sin(numbers)[:, :, None])
    every, table = (jnp.asarray(numbers), jnp.asarray(gradients, jnp.float32)), 0.01 * rng.normal(size=(ROWS, WIDTH))
    first = jnp.asarray(table, jnp.float32)

    def after(options: dict[str, Any], tables: str) -> jax.Array:
        config = configuration.replace(Config(), {**options, 'optimizer.tables': tables})
        form = chosen_table_form(config.optimizer, config.execution.tables_form)
        optimizer = table_optimizer(config.optimizer, form, rates_of(config))

        @jax.jit
        def run(table, slots, every):
            def body(step, state):
                rows = optimizer.named(every[0][step], ROWS)
                return optimizer.update(*state, rows, every[1][step], step)

            return optimizer.flush(*jax.lax.fori_loop(0, steps, body, (table, slots)), jnp.int32(steps))[0]

        return run(first, optimizer.init(first), every)

    def distances(options: dict[str, Any]) -> dict[str, float]:
        dense, deferred = (np.asarray(after(options, tables), np.float64) for tables in ('adam', 'deferred_adam'))
        return {
            'tables_difference': float(np.abs(deferred - dense).mean()),
            'tables_movement': float(np.abs(dense - np.asarray(first)).mean()),
        }

    return distances


def followed(distances: Callable[[dict[str, Any]], dict[str, float]], steps: int) -> list[dict[str, Any]]:
    """Returns a row for each rule: the distance of deferred from dense Adam after so many steps."""
    rows: list[dict[str, Any]] = []
    for name, options in schedules(steps).items():
        found = distances(options)
        share = found['tables_difference'] / found['tables_movement']
        passed = not rows or share <= MOST_SHARE * rows[0]['tables_share']
        verdict = comparison.verdict(passed) if rows else 'the control'
        rows.append({'rule': name, **found, 'tables_share': share, 'verdict': verdict})
    return rows


def timed(timing: Timing) -> list[dict[str, Any]]:
    """Returns a row for each shape and optimizer of tables: how long a step takes with rules as a share of without."""
    rows = []
    for shape in SHAPES:
        for tables in ('deferred_adam', 'adam'):
            plain = configuration.replace(Config(), {'optimizer.tables': tables})
            steps = {
                'without': StepBenchmark(plain, SHAPES[shape]),
                'with': StepBenchmark(configuration.replace(plain, TIMED), SHAPES[shape]),
            }
            rates = in_turn({name: step.window for name, step in steps.items()}, timing)
            share = statistics.median(one / other for one, other in zip(rates['without'], rates['with'], strict=True))
            middle = medians(rates)
            rows.append(
                {
                    'shape': shape,
                    'tables': tables,
                    'rows_per_second_without': middle['without'],
                    'rows_per_second_with': middle['with'],
                    'time_share': share,
                    'verdict': comparison.verdict(share <= MOST_TIME),
                }
            )
    return rows


def shown_distances(title: str, rows: list[dict[str, Any]]) -> None:
    """Prints the distances of deferred from dense Adam."""
    cells = [
        [
            row['rule'],
            *(f'{row[key]:.2e}' for key in ('tables_difference', 'tables_movement', 'tables_share')),
            row['verdict'],
        ]
        for row in rows
    ]
    comparison.show(title, ['rule', 'tables differ by', 'of a movement of', 'share', 'verdict'], cells)


def shown_times(rows: list[dict[str, Any]]) -> None:
    """Prints how long steps take."""
    cells = [
        [
            row['shape'],
            row['tables'],
            *(f'{row[f"rows_per_second_{name}"]:,.0f}' for name in ('without', 'with')),
            f'{row["time_share"]:.3f}',
            row['verdict'],
        ]
        for row in rows
    ]
    heads = ['shape', 'tables', 'rows/s without', 'rows/s with', 'time of the step', 'verdict']
    comparison.show('a step with clipping and a schedule beside one without', heads, cells)


@common.experiment
def main(argv: list[str]) -> int:
    if not _PARTS.value:
        raise UsageError(f'--parts is empty: give some of {", ".join(PARTS)}')
    for part in _PARTS.value:
        if part not in PARTS:
            raise UsageError(f'--parts={part} is unknown{nearest(part, list(PARTS))}; known: {", ".join(PARTS)}')
    common.start_cache()
    steps = min(_FOLLOWED.value, QUICK_STEPS) if common.QUICK.value else _FOLLOWED.value
    timing = QUICK_TIMING if common.QUICK.value else Timing(_WINDOWS.value, _SECONDS.value)
    failed = False
    for part in _PARTS.value:
        about: dict[str, Any] = {'followed_steps': steps, 'most_share_of_constant': MOST_SHARE}
        if part == 'time':
            rows, about = timed(timing), {'most_time': MOST_TIME, **timing._asdict(), 'rules': TIMED}
            shown_times(rows)
        else:
            base = common.base_config('autoint')
            rows = followed(updated(steps) if part == 'tables' else trained(base, steps), steps)
            where = 'made-up gradients' if part == 'tables' else common.DATASET.value
            shown_distances(f'deferred Adam beside dense Adam after {steps:,} steps, {where}', rows)
        path = common.results_dir() / f'training_rules_{part}'
        write_table(path, rows, {'table': f'training rules, {part}', **about})
        print(f'wrote {path}.json and .csv')
        failed |= any(row['verdict'] == 'FAIL' for row in rows)
    return 3 if failed else 0


if __name__ == '__main__':
    command.run(main)
