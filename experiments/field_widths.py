"""Fields with different widths: what narrower embeddings of small fields save, and what they cost.

Claim: in the paper every field has the same embedding dimension, which is its readers' main objection. Here a field may
have its own width, a * cardinality ** b, which is projected to the width of the model before attention. This saves much
of the tables and costs little AUC.

    python scripts/prepare_data.py --dataset=movielens_1m --recipe=with_ids --raw_dir=FOLDER
    python experiments/field_widths.py --dataset=movielens_1m --seeds=1

    python scripts/generate_data.py --dataset=criteo --rows=500000 --raw_dir=FOLDER
    python scripts/prepare_data.py --dataset=criteo --recipe=autoint --raw_dir=FOLDER
    python experiments/field_widths.py --dataset=criteo --seeds=1

The table compares several rules with one width for all fields: that of the model, and narrower ones, which save
parameters without rules. Time: one to three minutes a run on two CPU cores, six runs a seed. A run with a record under
results/runs is not trained again. Expected: a rule saves at least half of the table values at an AUC within 0.002 of
the full width. Writes results/field_widths_DATASET.{json,csv}.
"""

import pathlib

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.config import configuration

_SEEDS = common.define_seeds()
flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.data.store.opening import open_prepared
from autoint_jax.models.registry import table_values
from autoint_jax.records import comparison
from autoint_jax.records.completion import completed_seeds
from autoint_jax.records.tables import write_table
from autoint_jax.training.progress import Bar
from autoint_jax.units import counted

# {name: options}, the full width first.
VARIANTS: dict[str, dict[str, object]] = {
    'd16': {},
    'd8': {'model.embedding_dim': 8},
    'd4': {'model.embedding_dim': 4},
    'rule_0.8': {'model.width_scale': 0.8},
    'rule_0.4': {'model.width_scale': 0.4},
    'rule_0.2': {'model.width_scale': 0.2},
}
AUC_TOLERANCE, SHARE_SAVED = 0.002, 0.5


@common.experiment
def main(argv: list[str]) -> int:
    path = common.results_dir() / f'field_widths_{common.DATASET.value}'
    common.keep_seeds(path)
    common.start(_SEEDS.value)
    base = common.base_config('autoint_widths')
    data = open_prepared(common.DATA_DIR.value, base.data.dataset, base.data.recipe)
    rows, shown, enough, full = [], [], [], None
    for name, options in VARIANTS.items():
        config = configuration.replace(base, options)
        found = completed_seeds(
            f'{common.DATASET.value}_autoint_widths_{name}',
            config,
            _SEEDS.value,
            data,
            runs_dir=pathlib.Path(common.RUNS_DIR.value),
            results_dir=common.results_dir(),
            reporter=Bar(),
        )
        ours, (values, _) = comparison.test_figures(found), table_values(config.model, data.schema)
        full = full or (values, ours['auc'].mean)
        saved, difference = 1 - values / full[0], ours['auc'].mean - full[1]
        rows.append(
            {
                'variant': name,
                'table_values': values,
                'saved': saved,
                'auc': ours['auc'].mean,
                'auc_deviation': ours['auc'].deviation,
                'auc_difference': difference,
                'logloss': ours['logloss'].mean,
                'embedding_parameters': found[0].embedding_parameters,
                'parameters': found[0].parameters,
                'runs': [record.run for record in found],
            }
        )
        enough.append(name.startswith('rule') and saved >= SHARE_SAVED and difference >= -AUC_TOLERANCE)
        shown.append(
            [name, f'{values:,}', f'{saved:.0%}', str(ours['auc']), f'{difference:+.4f}', str(ours['logloss'])]
        )
    passed = any(enough)
    criterion = (
        f'A rule saves at least {SHARE_SAVED:.0%} of the table values at an AUC at most {AUC_TOLERANCE} below d16'
    )
    comparison.show(
        f'fields of different widths, {common.DATASET.value}, {counted(_SEEDS.value, "seed")}',
        ['widths', 'table values', 'saved', 'AUC', 'difference', 'logloss'],
        shown,
    )
    print(f'{criterion}: {comparison.verdict(passed)}')
    write_table(
        path,
        rows,
        {
            'table': 'fields of different widths',
            'dataset': common.DATASET.value,
            'data_rows': sum(split['rows'] for split in data.manifest['splits'].values()),
            'criterion': criterion,
            'verdict': comparison.verdict(passed),
            'data_hash': data.hash,
            'seeds': _SEEDS.value,
        },
    )
    print(f'wrote {path}.json and .csv')
    return 0 if passed else 3


if __name__ == '__main__':
    command.run(main)
