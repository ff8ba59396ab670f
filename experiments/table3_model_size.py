"""Table 3: the number of parameters of models outside their embeddings.

Claim: on Criteo, with embeddings of 16, DeepCrossing has 1.6e5, CrossNet 3e3, CIN 1.9e6, NFM 4e3 and AutoInt 3.9e4
parameters (paper, Table 3).

    python experiments/table3_model_size.py

It needs no data, because it counts the shapes of parameters for Criteo's 13 numeric and 26 categorical fields. The
numbers of ids of fields change only tables. Biases are counted. First-order weights are not, because they are tables of
width 1. Models are those of experiments/configs, with AutoInt in the paper's variant (its equations) and in the
authors' (their code: biases and LayerNorm). The paper's figure belongs to the first. Time: seconds. Expected: 156,801,
3,004, 1,864,601, 3,601 and 39,361 (authors' variant 40,513). PASS: each count, rounded to the digits of the paper,
equals the paper's. DeepCrossing does if both layers of a unit are 100 wide, and CIN if each of its three layers has 200
feature maps; the paper does not state these widths in full. --dataset=avazu counts with other fields, for which there
are no published figures. Writes results/table3_model_size_DATASET.{json,csv}.
"""

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.config import configuration
from autoint_jax.reproduction.paper.published import SIZES, SIZES_DATASET

flags.adopt_module_key_flags(common)
flags.set_default(common.DATASET, SIZES_DATASET)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.reproduction.paper import model_size

CRITERION = (
    "Rounded to the paper's digits, a count equals it; AutoInt's variant `authors` is not what the paper counts, and "
    'has no verdict'
)
NO_CRITERION = 'The paper has no figures for this shape'


@common.experiment
def main(argv: list[str]) -> int:
    dataset = common.DATASET.value
    model_size.shape(dataset)  # raises an error for a mistyped name before configurations are read
    configs = {(model, ''): common.base_config(model) for model in SIZES if model != 'autoint'}
    configs |= {
        ('autoint', variant): configuration.replace(common.base_config('autoint'), {'model.variant': variant})
        for variant in ('paper', 'authors')
    }
    rows = model_size.compared(configs, dataset)
    comparison.show(
        f'Table 3, shape of {dataset}',
        ['model', 'parameters', 'rounded', 'paper', 'verdict', model_size.BESIDE],
        [
            [
                f'{row["model"]} {row["variant"]}'.strip(),
                f'{row["parameters"]:,}',
                row['rounded'] or '-',
                row['paper'] or '-',
                row['verdict'] or '',
                f'{row[f"parameters_{model_size.BESIDE}"]:,}',
            ]
            for row in rows
        ],
    )
    verdicts = [row['verdict'] for row in rows if row['verdict']]
    passed = comparison.verdict(False) not in verdicts
    criterion = CRITERION if verdicts else NO_CRITERION
    print(criterion)
    path = common.results_dir() / f'{model_size.NAME}_{dataset}'
    write_table(
        path,
        rows,
        {
            'table': 'Table 3',
            'dataset': dataset,
            'criterion': criterion,
            'verdict': comparison.verdict(passed) if verdicts else None,
            'configs': {
                f'{model} {variant}'.strip(): configuration.to_tree(config)['model']
                for (model, variant), config in configs.items()
            },
        },
    )
    print(f'wrote {path}.json and .csv')
    return 0 if passed else 3


if __name__ == '__main__':
    command.run(main)
