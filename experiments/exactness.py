"""The cost of faster arithmetic: deferred Adam and bfloat16 beside dense Adam in float32.

Claim: `deferred_adam`, which touches only the rows of a batch, reaches the test AUC of dense Adam. Lazy Adam, which
forgets the steps that a row missed, is another optimizer. bfloat16 in the interacting layers costs little AUC.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/exactness.py --dataset=movielens_1m --seeds=2

Time: about 13 minutes a run on two CPU cores, four runs a seed. In bfloat16 a run takes several times as long if the
CPU has no such products. A run with a record is not trained again. Runs of dense Adam are shared with Table 4 if its
configuration has dense Adam, as on MovieLens-1M. Expected: the mean AUC of deferred Adam over seeds is within 0.0005 of
dense Adam's. The control is dense Adam in another form, which differs by rounding only. So its distance from dense
Adam, in AUC and in parameters after 2,000 steps, is chance. Writes results/exactness_DATASET.{json,csv}.
"""

import pathlib

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.config import configuration

_FOLLOWED = flags.DEFINE_integer(
    'followed_steps', 2000, 'Number of steps after which parameters are compared.', lower_bound=1
)
_REFERENCE_FORM = flags.DEFINE_string(
    'reference_form',
    'automatic',
    'Form of the interacting layers (execution.form) of the dense Adam with which the others are compared. Give it if '
    'records of the automatic form come from older code.',
)
_CONTROL = flags.DEFINE_string(
    'control_form',
    'heads',
    'Form of the interacting layers (execution.form) of the control, which is dense Adam again and differs by rounding '
    'only. --control_form= trains no control.',
)
_BFLOAT16 = flags.DEFINE_boolean('bfloat16', True, 'Also train in bfloat16.')
_SEEDS = common.define_seeds()
flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.data.store.opening import open_prepared
from autoint_jax.records import comparison
from autoint_jax.records.completion import completed
from autoint_jax.records.runs import RunRecord
from autoint_jax.records.tables import write_table
from autoint_jax.reproduction import exactness, trajectory
from autoint_jax.training.progress import Bar
from autoint_jax.units import counted

AUC_TOLERANCE = 0.0005
QUICK_STEPS = 10  # that are followed with --quick


@common.experiment
def main(argv: list[str]) -> int:
    path = common.results_dir() / f'exactness_{common.DATASET.value}'
    common.keep_seeds(path)
    common.start_cache()
    base = common.base_config('autoint')
    data = open_prepared(common.DATA_DIR.value, base.data.dataset, base.data.recipe)
    chosen = exactness.variants(
        base, reference_form=_REFERENCE_FORM.value, control_form=_CONTROL.value, bfloat16=_BFLOAT16.value
    )
    reference = next(iter(chosen))
    found: dict[str, list[RunRecord]] = {name: [] for name in chosen}
    for seed in range(_SEEDS.value):
        for name, config in chosen.items():
            found[name].append(
                completed(
                    f'{common.DATASET.value}_autoint{name}',
                    configuration.replace(config, {'seed': seed}),
                    data,
                    runs_dir=pathlib.Path(common.RUNS_DIR.value),
                    results_dir=common.results_dir(),
                    reporter=Bar(),
                )
            )

    followed = min(_FOLLOWED.value, QUICK_STEPS) if common.QUICK.value else _FOLLOWED.value
    states = {name: trajectory.after_steps(config, data, followed) for name, config in chosen.items()}
    start = trajectory.after_steps(chosen[reference], data, 0)
    distances = {name: trajectory.distances(start, states[reference], state) for name, state in states.items()}

    rows, differences_of = [], {}
    for name, runs_of in found.items():
        ours = comparison.test_figures(runs_of)
        differences = [
            one.test['auc'] - dense.test['auc'] for one, dense in zip(runs_of, found[reference], strict=True)
        ]
        differences_of[name] = comparison.measured(differences).mean
        rows.append(
            {
                'variant': 'dense_adam' if name == reference else name[1:],
                'auc': ours['auc'].mean,
                'auc_deviation': ours['auc'].deviation,
                'logloss': ours['logloss'].mean,
                'auc_difference': differences_of[name],
                'auc_differences': [f'{difference:+.5f}' for difference in differences],
                'runs': [record.run for record in runs_of],
                **distances[name],
            }
        )
    passed = abs(differences_of[list(chosen)[1]]) <= AUC_TOLERANCE
    criterion = f"AUC of deferred Adam within {AUC_TOLERANCE} of dense Adam's, in the mean over seeds"
    comparison.show(
        f'{common.DATASET.value}, {counted(_SEEDS.value, "seed")}; parameters after {followed} steps, seed 0',
        [
            'variant',
            'AUC',
            'minus dense',
            'logloss',
            'tables differ by',
            'of a movement of',
            'parameters differ by',
            'of',
        ],
        [
            [
                str(row['variant']),
                f'{row["auc"]:.4f}',
                f'{row["auc_difference"]:+.5f}',
                f'{row["logloss"]:.4f}',
                *(
                    f'{row[key]:.2e}'
                    for key in ('tables_difference', 'tables_movement', 'params_difference', 'params_movement')
                ),
            ]
            for row in rows
        ],
    )
    print(f'{criterion}: {comparison.verdict(passed)}')
    write_table(
        path,
        rows,
        {
            'table': 'deferred Adam and bfloat16 beside dense Adam',
            'criterion': criterion,
            'verdict': comparison.verdict(passed),
            'reference_form': _REFERENCE_FORM.value,
            'followed_steps': followed,
            'data_hash': data.hash,
            'seeds': _SEEDS.value,
        },
    )
    print(f'wrote {path}.json and .csv')
    return 0 if passed else 3


if __name__ == '__main__':
    command.run(main)
