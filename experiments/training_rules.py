"""Training rules: deferred Adam follows dense Adam under schedules, and clipping and a schedule cost little time.

Claim: deferred Adam makes up for missed steps with the rate that each had, so that a schedule brings it no further away
from dense Adam than a constant rate. The norm of a step and its rate take little time.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/training_rules.py --dataset=movielens_1m

Time: about ten minutes on two CPU cores. Steps are timed in turn, on made-up data, so nothing else should run. PASS:
after 2,000 steps, tables of deferred Adam differ from those of dense Adam, as a share of their movement, at most twice
as much under each rule as under a constant rate; a step with clipping and a schedule takes at most 1.05 times as long
as without, in the median over windows. Writes results/training_rules_DATASET.{json,csv} and
results/training_rules_time.{json,csv}.
"""

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.config import configuration

_FOLLOWED = flags.DEFINE_integer(
    'followed_steps', 2000, 'Number of steps after which parameters are compared.', lower_bound=1
)
_WINDOWS = flags.DEFINE_integer('windows', 9, 'Number of windows in which each step is timed.', lower_bound=1)
_SECONDS = flags.DEFINE_float('seconds', 2.0, 'Seconds of a window.', lower_bound=0.001)
flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import statistics
from typing import Any

from autoint_jax.benchmarks.shapes import SHAPES
from autoint_jax.benchmarks.stepping import StepBenchmark
from autoint_jax.benchmarks.windows import Timing, in_turn, medians
from autoint_jax.config.configuration import Config
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.reproduction import trajectory

MOST_SHARE, MOST_TIME = 2.0, 1.05
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
        'cosine and clipping': {'optimizer.schedule': 'cosine', 'optimizer.clip_norm': 0.1, **ends, **warm},
    }


def followed(base: Config, steps: int) -> list[dict[str, Any]]:
    """Returns a row for each rule: the distance of deferred from dense Adam after so many steps."""
    data = open_prepared(common.DATA_DIR.value, base.data.dataset, base.data.recipe)
    rows: list[dict[str, Any]] = []
    for name, options in schedules(steps).items():
        configs = [
            configuration.replace(base, {**options, 'optimizer.tables': tables}) for tables in ('adam', 'deferred_adam')
        ]
        start, dense = (trajectory.after_steps(configs[0], data, count) for count in (0, steps))
        found = trajectory.distances(start, dense, trajectory.after_steps(configs[1], data, steps))
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


@common.experiment
def main(argv: list[str]) -> int:
    common.start_cache()
    steps = min(_FOLLOWED.value, QUICK_STEPS) if common.QUICK.value else _FOLLOWED.value
    timing = QUICK_TIMING if common.QUICK.value else Timing(_WINDOWS.value, _SECONDS.value)
    distances = followed(common.base_config('autoint'), steps)
    comparison.show(
        f'deferred Adam beside dense Adam after {steps:,} steps, {common.DATASET.value}',
        ['rule', 'tables differ by', 'of a movement of', 'share', 'parameters differ by', 'of', 'verdict'],
        [
            [
                row['rule'],
                *(f'{row[key]:.2e}' for key in ('tables_difference', 'tables_movement', 'tables_share')),
                *(f'{row[key]:.2e}' for key in ('params_difference', 'params_movement')),
                row['verdict'],
            ]
            for row in distances
        ],
    )
    times = timed(timing)
    comparison.show(
        'a step with clipping and a schedule beside one without',
        ['shape', 'tables', 'rows/s without', 'rows/s with', 'time of the step', 'verdict'],
        [
            [
                row['shape'],
                row['tables'],
                f'{row["rows_per_second_without"]:,.0f}',
                f'{row["rows_per_second_with"]:,.0f}',
                f'{row["time_share"]:.3f}',
                row['verdict'],
            ]
            for row in times
        ],
    )
    for name, rows, about in (
        (common.DATASET.value, distances, {'followed_steps': steps, 'most_share_of_constant': MOST_SHARE}),
        ('time', times, {'most_time': MOST_TIME, **timing._asdict(), 'rules': TIMED}),
    ):
        path = common.results_dir() / f'training_rules_{name}'
        write_table(path, rows, {'table': 'training rules', **about})
        print(f'wrote {path}.json and .csv')
    return 3 if any(row['verdict'] == 'FAIL' for row in (*distances, *times)) else 0


if __name__ == '__main__':
    command.run(main)
