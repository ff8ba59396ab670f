"""Figures of models when all rows are split anew at random, beside the paper's.

Claim: the paper's figures are means over ten runs on one random split. The first published version of the authors'
preparation of MovieLens-1M draws the split without a seed; the seed that makes it repeatable came later. So the paper's
rows for training and test are most likely others than those of the recipe, and its figures contain the chance of a
split.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/splits.py --dataset=movielens_1m --models=lr,fm --splits=10
    python experiments/splits.py --dataset=movielens_1m --models=autoint --splits=5

The rows of all splits are put together and drawn again into splits of the same sizes, with seeds 1 to SPLITS. The
recipe must have vocabularies of all rows, so that nothing else changes. Each model trains once on each split, with the
settings of Table 2. Time on two CPU cores: half a minute for LR, a minute for FM and three to eight for AutoInt, each
on one split. A run with a record under results/runs is not trained again, and an interrupted run continues. The table
shows every model that has records. PASS: the paper's figures could be those of another split, at 0.05: by Student's
prediction interval over the other splits, and by the deviation of an AUC over random test rows (Hanley and McNeil,
1982). Expected on MovieLens-1M: figures move by 0.001 to 0.002 from split to split. The exit status is 3 on FAIL.
Writes results/splits_DATASET.{json,csv}, and the data to DATA_DIR/DATASET/RECIPE_splitNUMBER.
"""

import pathlib

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.config import configuration
from autoint_jax.errors import UsageError, nearest
from autoint_jax.reproduction.paper import published

_MODELS = flags.DEFINE_list(
    'models',
    ['lr', 'fm'],
    f'Models to run, of {", ".join(published.EFFECTIVENESS)}. Every model that has records is shown.',
)
_SPLITS = flags.DEFINE_integer(
    'splits', 5, 'Number of other splits; splits 1 to SPLITS are drawn.', lower_bound=1, upper_bound=1024
)
flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.config.configuration import Config
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.shuffled import opened_with_other_rows
from autoint_jax.records import comparison, runs
from autoint_jax.records.completion import completed
from autoint_jax.records.runs import RunRecord
from autoint_jax.records.tables import write_table
from autoint_jax.reproduction import other_splits
from autoint_jax.reproduction.paper import significance
from autoint_jax.training.progress import Bar

GIVEN_SEEDS = 10  # of the recipe's own split, at most; only those with records are shown
MOST_SPLITS = 100  # other splits that are shown if they have records


def runs_of(model: str, config: Config, data: PreparedData) -> list[RunRecord]:
    """Returns the records of a model on other splits. If it is among --models, splits 1 to --splits are trained."""
    found = []
    for number in range(1, max(_SPLITS.value, MOST_SPLITS) + 1):
        name = f'{common.DATASET.value}_{model}'
        other = configuration.replace(config, {'data.recipe': f'{config.data.recipe}_split{number}'})
        folders = {'runs_dir': pathlib.Path(common.RUNS_DIR.value), 'results_dir': common.results_dir()}
        train, path = (
            model in _MODELS.value and number <= _SPLITS.value,
            runs.found_path(f'{name}-{fingerprint(other)}', other, common.results_dir()),
        )
        if not train and not path:
            continue
        rows = opened_with_other_rows(data, 'split', number, common.DATA_DIR.value)
        if train:
            found.append(completed(name, other, rows, **folders, reporter=Bar()))
        else:
            found += runs.recorded_seeds(name, other, 1, rows, common.results_dir())
    return found


@common.experiment
def main(argv: list[str]) -> int:
    for model in _MODELS.value:
        if model not in published.EFFECTIVENESS:
            raise UsageError(
                f'this experiment has no model {model!r}{nearest(model, list(published.EFFECTIVENESS))}; '
                f'it has: {", ".join(published.EFFECTIVENESS)}'
            )
    common.published({dataset: None for of_model in published.EFFECTIVENESS.values() for dataset in of_model})
    common.start_cache()
    rows, hashes = [], set()
    for model, of_datasets in published.EFFECTIVENESS.items():
        config = common.base_config(model)
        data = open_prepared(common.DATA_DIR.value, config.data.dataset, config.data.recipe)
        if not data.manifest['parameters'].get('fit_on_all_rows'):
            raise UsageError(
                f'{data.folder} has vocabularies of its training rows, which another split would change: choose a data '
                'set whose recipe fits them on all rows, such as --dataset=movielens_1m'
            )
        hashes.add(data.hash)
        others = runs_of(model, config, data)
        given = runs.recorded_seeds(f'{common.DATASET.value}_{model}', config, GIVEN_SEEDS, data, common.results_dir())
        if others or given:
            test = data.manifest['splits']['test']
            counts = {'positives': test['positives'], 'negatives': test['rows'] - test['positives']}
            rows.append(other_splits.row_of(model, given, others, common.published(of_datasets), **counts))
    if not rows:
        raise UsageError(
            f'no model has a record on {common.DATASET.value!r} under {common.results_dir()}: name some in --models'
        )
    comparison.show(
        f'Other random splits of the same rows, {common.DATASET.value}',
        other_splits.COLUMNS,
        [of_figure for row in rows for of_figure in other_splits.cells(row)],
    )
    passed = not any(row['verdict'] == comparison.verdict(False) for row in rows)
    print(f'{other_splits.CRITERION}: {comparison.verdict(passed)}')
    path = common.results_dir() / f'splits_{common.DATASET.value}'
    write_table(
        path,
        rows,
        {
            'table': 'other random splits of the same rows',
            'dataset': common.DATASET.value,
            'criterion': other_splits.CRITERION,
            'data_hash': hashes.pop(),
        },
        significance.VERSIONS,
    )
    print(f'wrote {path}.json and .csv')
    return 0 if passed else 3


if __name__ == '__main__':
    command.run(main)
