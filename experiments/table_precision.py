"""Exported tables in half and in a quarter of their size: what they save, and what they cost.

Claim: tables of a bundle may be bfloat16 or int8 with a scale for each row (`scripts/export.py --tables`), because the
model rounds a row only once, when it is looked up. AUC hardly changes.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/table_precision.py --dataset=movielens_1m --seeds=3 --epochs=3

The test split is scored by the exported function of each precision. Time: a minute a seed on two CPU cores. A run that
is complete in RUNS_DIR is not trained again. PASS: the mean test AUC with int8 tables is at most 0.0002 below that with
float32 tables. Writes results/table_precision_DATASET.{json,csv}.
"""

import pathlib

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.config import configuration

_SEEDS = common.define_seeds()
_EPOCHS = flags.DEFINE_integer('epochs', 3, 'Epochs of training.', lower_bound=1)
flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import statistics
from typing import Any

from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.evaluation.measures import measures
from autoint_jax.export.scored_function import FLOAT32, PRECISIONS, exported_logits, scored_function
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.training.loop import fit
from autoint_jax.training.progress import Bar
from autoint_jax.training.trained import open_run
from autoint_jax.units import counted

AUC_TOLERANCE = 0.0002


@common.experiment
def main(argv: list[str]) -> int:
    path = common.results_dir() / f'table_precision_{common.DATASET.value}'
    common.keep_seeds(path)
    common.start(_SEEDS.value)
    base = configuration.replace(
        common.base_config('autoint'), {'training.epochs': 1 if common.QUICK.value else _EPOCHS.value}
    )
    data = open_prepared(common.DATA_DIR.value, base.data.dataset, base.data.recipe)
    figures: dict[str, list[dict[str, float]]] = {precision: [] for precision in PRECISIONS}
    sizes = {}
    for seed in range(_SEEDS.value):
        config = configuration.replace(base, {'seed': seed})
        name = f'{common.DATASET.value}_table_precision-{fingerprint(config)}'
        folder = pathlib.Path(common.RUNS_DIR.value, name)
        fit(config, data, folder, Bar())
        run, test = open_run(folder, common.DATA_DIR.value, None), data.split('test')
        for precision in PRECISIONS:
            function, weights = scored_function(run, precision)
            sizes[precision] = sum(weights[key].nbytes for key in weights if key.startswith('tables/'))
            logits = exported_logits(function, dict(weights), test.ids, test.numeric)
            figures[precision].append(run.figures_of(logits, test, measures([], '', run.setup.schema)))
    rows: list[dict[str, Any]] = []
    shown = []
    for precision in PRECISIONS:
        own, whole = figures[precision], figures[FLOAT32]
        differences = [one['auc'] - of_float['auc'] for one, of_float in zip(own, whole, strict=True)]
        rows.append(
            {
                'tables': precision,
                'bytes': sizes[precision],
                'auc': statistics.mean(one['auc'] for one in own),
                'logloss': statistics.mean(one['logloss'] for one in own),
                'auc_difference': statistics.mean(differences),
                'largest_auc_difference': max(map(abs, differences)),
                'logloss_difference': statistics.mean(
                    one['logloss'] - of_float['logloss'] for one, of_float in zip(own, whole, strict=True)
                ),
            }
        )
        shown.append(
            [precision, f'{sizes[precision]:,}', f'{rows[-1]["auc"]:.6f}', f'{rows[-1]["auc_difference"]:+.6f}']
            + [f'{rows[-1]["logloss"]:.6f}', f'{rows[-1]["logloss_difference"]:+.6f}']
        )
    passed = rows[-1]['auc_difference'] >= -AUC_TOLERANCE
    criterion = f'The mean test AUC with int8 tables is at most {AUC_TOLERANCE} below that with float32 tables'
    comparison.show(
        f'precision of exported tables, {common.DATASET.value}, {counted(_SEEDS.value, "seed")}, '
        f'{counted(base.training.epochs, "epoch")}',
        ['tables', 'bytes', 'AUC', 'difference', 'logloss', 'difference'],
        shown,
    )
    print(f'{criterion}: {comparison.verdict(passed)}')
    about = {
        'table': 'precision of exported tables',
        'dataset': common.DATASET.value,
        'criterion': criterion,
        'verdict': comparison.verdict(passed),
        'data_hash': data.hash,
        'seeds': list(range(_SEEDS.value)),
        'epochs': base.training.epochs,
        'test_rows': len(data.split('test')),
    }
    write_table(path, rows, about)
    print(f'wrote {path}.json and .csv')
    return 0 if passed else 3


if __name__ == '__main__':
    command.run(main)
