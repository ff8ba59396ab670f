"""AutoInt's own figure under other conditions: is one of them why its AUC differs from the paper's?

Claim: on MovieLens-1M the paper has AUC 0.8456 for AutoInt. The authors' code and this one differ in details that
should not matter: the random numbers of dropout, rounding, the place of epsilon in Adam, the order of rows. The table
sets the default beside one change at a time, with the same seeds.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/own_figure.py --dataset=movielens_1m --seeds=10 --conditions=
    python experiments/own_figure.py --dataset=movielens_1m --seeds=5 --conditions=order,epsilon

The default has the configuration of Table 2 and shares its runs. Some conditions are only shown from records: masks of
jax.random are those of former code, and other rounding is that of a later kernel. Time on two CPU cores: three to seven
minutes a run, twice that in the form `heads` and with 100 epochs; the seeds of a condition train together. A run with a
record under results/runs is not trained again, and an interrupted run continues. The table shows every condition that
has records. PASS: no condition differs from the default in AUC by a paired t-test with Holm's correction. With few
seeds only large differences can be found, as the intervals show. The exit status is 3 on FAIL. Writes
results/own_figure_DATASET.{json,csv}, and the data in another order to DATA_DIR/DATASET/RECIPE_order1.
"""

import pathlib

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.config import configuration
from autoint_jax.errors import UsageError, nearest
from autoint_jax.reproduction.own_figure_conditions import (
    ALL,
    CONDITIONS,
    DEFAULT,
    POOLED,
    SAME_MODEL,
    TRAINED,
    Condition,
)
from autoint_jax.reproduction.paper import published

_CONDITIONS = flags.DEFINE_list(
    'conditions', list(TRAINED), f'Conditions to run, of {", ".join(TRAINED)}; the default is always run.'
)
_SEEDS = common.define_seeds()
flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.config.configuration import Config
from autoint_jax.data.store.opening import folder_of, open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.shuffled import opened_with_other_rows
from autoint_jax.records import comparison, runs
from autoint_jax.records.completion import completed_seeds
from autoint_jax.records.runs import RunRecord
from autoint_jax.records.tables import write_table
from autoint_jax.reproduction import own_figure
from autoint_jax.reproduction.paper import significance
from autoint_jax.training.progress import Bar

MOST_SEEDS = 10  # of the default that are shown if they have records


def records_of(condition: Condition, base: Config, data: PreparedData, seeds: int, *, train: bool) -> list[RunRecord]:
    """Returns the records of a condition's runs with seeds 0 to `seeds - 1`. If `train`, missing runs are trained."""
    config = configuration.replace(base, dict(condition.changes))
    if common.QUICK.value:
        config = configuration.replace(config, {'training.epochs': base.training.epochs})
    if condition.order:
        recipe = f'{base.data.recipe}_order{condition.order}'
        config = configuration.replace(config, {'data.recipe': recipe})
        if not train and not folder_of(common.DATA_DIR.value, common.DATASET.value, recipe).exists():
            return []
        data = opened_with_other_rows(data, 'order', condition.order, common.DATA_DIR.value)
    name = f'{common.DATASET.value}_autoint' + (f'_{condition.name}' if condition.name else '')
    if not train:
        return runs.recorded_seeds(name, config, seeds, data, common.results_dir())
    return completed_seeds(
        name,
        config,
        seeds,
        data,
        runs_dir=pathlib.Path(common.RUNS_DIR.value),
        results_dir=common.results_dir(),
        reporter=Bar(),
    )


@common.experiment
def main(argv: list[str]) -> int:
    for name in _CONDITIONS.value:
        if name not in TRAINED:
            raise UsageError(
                f'this experiment has no condition {name!r}{nearest(name, list(TRAINED))}; it has: {", ".join(TRAINED)}'
            )
    paper = common.published(published.EFFECTIVENESS['autoint'])
    common.start(_SEEDS.value)
    base, seeds = common.base_config('autoint'), _SEEDS.value
    data = open_prepared(common.DATA_DIR.value, base.data.dataset, base.data.recipe)
    default = Condition(DEFAULT)
    records_of(default, base, data, seeds, train=True)
    found = {DEFAULT: records_of(default, base, data, max(seeds, MOST_SEEDS), train=False)}
    for name, condition in CONDITIONS.items():
        if name in _CONDITIONS.value:
            records_of(condition, base, data, seeds, train=True)
        if records := records_of(condition, base, data, max(seeds, MOST_SEEDS), train=False):
            found[name] = records
    if pooled := [record for name in found if name != DEFAULT and CONDITIONS[name].pooled for record in found[name]]:
        found[POOLED] = pooled
    found[ALL] = [record for name in found if name in SAME_MODEL for record in found[name]]
    rows = own_figure.rows_of(found)
    passed = own_figure.no_cause(rows)
    comparison.show(
        f"AutoInt's own figure, {common.DATASET.value}", own_figure.COLUMNS, [own_figure.cells(row) for row in rows]
    )
    print(f'{own_figure.CRITERION}: {comparison.verdict(passed)}')
    path = common.results_dir() / f'own_figure_{common.DATASET.value}'
    write_table(
        path,
        rows,
        {
            'table': "AutoInt's own figure under other conditions",
            'dataset': common.DATASET.value,
            'criterion': own_figure.CRITERION,
            'verdict': comparison.verdict(passed),
            'paper': paper._asdict(),
            'not_run': [name for name in TRAINED if name not in found],
            'data_hash': data.hash,
        },
        significance.VERSIONS,
    )
    print(f'wrote {path}.json and .csv')
    return 0 if passed else 3


if __name__ == '__main__':
    command.run(main)
