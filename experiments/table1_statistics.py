"""Table 1: samples, fields and sparse features of the four data sets.

Claim: Criteo has 45,840,617 samples, 39 fields and 998,960 features; Avazu 40,428,967, 23 and 1,544,488; KDD12
149,639,105, 13 and 6,019,086; MovieLens-1M 739,012, 7 and 3,529 (paper, Table 1).

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/table1_statistics.py                     # all four; --dataset=movielens_1m,criteo shows some

Counts are those of the default recipe of the authors (`autoint_all_rows`), as scripts/prepare_data.py prints them.
Time: seconds. Expected: all are equal, except that features of Criteo are within 26, because the authors also give an
id to the empty value of categorical fields that have one. A data set that is not prepared is shown as such and has no
verdict. Writes results/table1_statistics_DATASET.{json,csv} for each prepared data set.
"""

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.reproduction.paper.published import DATASETS

flags.adopt_module_key_flags(common)
flags.set_default(common.DATASET, 'all')

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.data.datasets import registry
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.reproduction.paper import data_statistics


@common.experiment
def main(argv: list[str]) -> int:
    chosen = DATASETS if common.DATASET.value == 'all' else common.DATASET.value.split(',')
    shown, written, passed = [], [], True
    for dataset in map(data_statistics.known_dataset, chosen):
        data = data_statistics.prepared_as_published(dataset, common.DATA_DIR.value)
        if data is None:
            published = registry.named(dataset).published
            shown += [
                [dataset, figure, f'{published[figure]:,}', '-', '-', 'not prepared']
                for figure in data_statistics.FIGURES
            ]
            continue
        rows = data_statistics.compared(dataset, data)
        shown += [
            [dataset, row['figure'], f'{row["paper"]:,}', f'{row["ours"]:,}', f'{row["difference"]:+,}', row['verdict']]
            for row in rows
        ]
        of_dataset = all(row['verdict'] == comparison.verdict(True) for row in rows)
        passed = passed and of_dataset
        path = common.results_dir() / f'{data_statistics.NAME}_{dataset}'
        write_table(
            path,
            rows,
            {
                'table': 'Table 1',
                'dataset': dataset,
                'recipe': data.manifest['recipe'],
                'criterion': data_statistics.criterion(dataset),
                'verdict': comparison.verdict(of_dataset),
                'data_hash': data.hash,
            },
        )
        written.append(f'wrote {path}.json and .csv')
    comparison.show('Table 1', ['data set', 'figure', 'paper', 'ours', 'difference', 'verdict'], shown)
    print(
        '\n'.join(written)
        or f'none of these is prepared in {common.DATA_DIR.value}: scripts/prepare_data.py prepares them'
    )
    return 0 if passed else 3


if __name__ == '__main__':
    command.run(main)
