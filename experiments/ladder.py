"""The ladder from AutoInt to Hiformer: which of the things that Hiformer adds pays?

Question: Hiformer differs from AutoInt in five things. Each rung of the ladder adds one of them: projections of each
field, an output projection with LayerNorm, a feed-forward network of each field, queries, keys and values from all
fields (of low rank), and a task token with scaled scores.

    python experiments/ladder.py --dataset=planted_sparse
    python experiments/ladder.py --dataset=planted_dense
    python experiments/ladder.py --dataset=movielens_1m
    python experiments/ladder.py --dataset=planted_sparse --quick

All rungs have the same sizes and the same trials: every combination of two learning rates and two rates of dropout,
with seed 0. The trial with the lowest validation logloss chooses the setting of a rung. Seeds 1 to SEEDS are trained
with it, and rungs are compared by their test AUC, paired by seed. Planted data are generated: labels depend on one pair
and one triple of fields (`planted_sparse`) or on three pairs and two triples (`planted_dense`), besides an effect of
each field. There each seed has its own rows and groups. MovieLens-1M must be prepared by the recipe `autoint_all_rows`.

A table that has more seeds than SEEDS keeps as many. Time on two CPU cores: about five minutes for each planted data
set, and 50 minutes for MovieLens-1M. A run that has a record is not trained again, so the same command goes on where it
was stopped. The table is written after each complete rung, and names the rungs that are not complete. Writes
results/ladder_DATASET.{json,csv}.
"""

import math
import pathlib
from typing import Any, NamedTuple

from autoint_jax import interruptions, stored

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.copies import copies
from autoint_jax.cores import usable_cores
from autoint_jax.errors import UsageError

_SEEDS = common.define_seeds()
_ROWS = flags.DEFINE_integer('rows', 20_000, 'Rows of a planted data set.', lower_bound=1000)
flags.adopt_module_key_flags(common)
flags.set_default(_SEEDS, 5)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.data.datasets import registry
from autoint_jax.data.generated import planted
from autoint_jax.data.store.opening import OWN_TABLE, folder_of, open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.records import comparison
from autoint_jax.records.completion import completed_runs, completed_seeds
from autoint_jax.records.runs import RunRecord
from autoint_jax.records.tables import write_table
from autoint_jax.reproduction import ladder
from autoint_jax.training.progress import Bar
from autoint_jax.training.step import placement
from autoint_jax.units import counted

FIELDS, VALUES, STRENGTH, SINGLE = 8, 6, 0.7, 0.3  # of planted data


class Setting(NamedTuple):
    """What all rungs share on a data set.

    Attributes:
      options: of the model and its training.
      ranks: of the rungs that make queries, keys and values from all fields.
      trials: values of the options that trials choose.
      groups: numbers of planted groups; None for data that are not generated.
    """

    options: dict[str, Any]
    ranks: dict[str, int]
    trials: dict[str, tuple[float, ...]]
    groups: dict[str, int] | None


OF_PLANTED: dict[str, Any] = {
    'data.dataset': OWN_TABLE,
    'model.embedding_dim': 8,
    'model.embedding_stddev': 0.1,
    'model.num_layers': 2,
    'model.head_dim': 8,
    'model.feedforward_ratio': 4.0,
    'training.batch_size': 256,
    'training.epochs': 10,
    'training.stop_after_increases': 3,
}
OF_MOVIELENS: dict[str, Any] = {
    'data.dataset': 'movielens_1m',
    'data.recipe': 'autoint_all_rows',
    'model.num_layers': 2,
    'model.head_dim': 16,
    'model.feedforward_ratio': 4.0,
    'training.batch_size': 1024,
    'training.epochs': 20,
    'training.stop_after_increases': 2,
}
PLANTED = Setting(
    OF_PLANTED,
    {'model.joint_rank': 16, 'model.joint_value_rank': 32},
    {'replicas.learning_rate': (2e-3, 7e-3), 'replicas.embedding_dropout': (0.0, 0.1)},
    None,
)
SETTINGS = {
    'planted_sparse': PLANTED._replace(groups={'pairs': 1, 'triples': 1}),
    'planted_dense': PLANTED._replace(groups={'pairs': 3, 'triples': 2}),
    'movielens_1m': Setting(
        OF_MOVIELENS,
        {'model.joint_rank': 32, 'model.joint_value_rank': 64},
        {'replicas.learning_rate': (1e-3, 3e-3), 'replicas.embedding_dropout': (0.0, 0.2)},
        None,
    ),
}
MEND = 'restore it, or remove it'
CHOSEN = ('optimizer.learning_rate', 'model.embedding_dropout')  # the options that trials choose


@common.experiment
def main(argv: list[str]) -> int:
    dataset, setting = common.DATASET.value, _setting()
    _check_data()
    common.keep_seeds(_table())
    common.start_cache()
    placement.split_cpu(usable_cores())
    base = configuration.replace(Config(), setting.options)
    if common.QUICK.value:
        base = configuration.replace(base, {'training.epochs': 1})
    found: dict[str, list[RunRecord]] = {}
    chosen: dict[str, dict[str, Any]] = {}
    for rung in ladder.RUNGS:
        config = _chosen(rung, ladder.config_of(rung, base, setting.ranks))
        chosen[rung] = {path: configuration.value(config, path) for path in CHOSEN}
        found[rung] = _seeds(rung, config)
        rows = ladder.table(found, chosen)
        missing = list(ladder.RUNGS)[len(found) :]
        data = _data(0)
        about: dict[str, object] = {
            'table': 'from AutoInt to Hiformer',
            'dataset': dataset,
            'data_rows': sum(split['rows'] for split in data.manifest['splits'].values()),
            'data_hash': data.hash,
            'criterion': ladder.CRITERION,
            'seeds': _SEEDS.value,
            'trials': math.prod(map(len, setting.trials.values())),
            'trial_options': {path: list(values) for path, values in setting.trials.items()},
            'shared_options': setting.options,
            'ranks': setting.ranks,
            'not_complete': missing,
        }
        if setting.groups is not None:
            about |= {'fields': FIELDS, 'values_of_a_field': VALUES, 'strength': STRENGTH, 'single': SINGLE}
            about |= {'groups': setting.groups}
        write_table(path := _table(), rows, about)
        comparison.show(
            f'from AutoInt to Hiformer, {dataset}, {counted(_SEEDS.value, "seed")}',
            ladder.COLUMNS,
            list(map(ladder.cells, rows)),
        )
        print(f'{ladder.missing_sentence(missing)} wrote {path}.json and .csv'.strip(), flush=True)
    print(ladder.CRITERION)
    return 0


def _chosen(rung: str, config: Config) -> Config:
    """Returns the configuration of the trial with the lowest validation logloss, after missing trials are trained."""
    trials = copies(configuration.replace(_on(config, _data(0)), _setting().trials))
    found = completed_runs(
        f'{common.DATASET.value}_ladder_{rung}',
        trials,
        _data(0),
        runs_dir=pathlib.Path(common.RUNS_DIR.value),
        results_dir=common.results_dir(),
        reporter=Bar(),
    )
    return trials[ladder.best_trial(rung, found)]


def _seeds(rung: str, config: Config) -> list[RunRecord]:
    """Returns the records of seeds 1 to SEEDS of the chosen setting, after the missing ones are trained."""
    name, count = f'{common.DATASET.value}_ladder_{rung}', _SEEDS.value
    starts = [1] if _setting().groups is None else list(range(1, count + 1))  # planted seeds have their own data each
    return [
        record
        for seed in starts
        for record in completed_seeds(
            name,
            _on(config, _data(seed)),
            count // len(starts),
            _data(seed),
            runs_dir=pathlib.Path(common.RUNS_DIR.value),
            results_dir=common.results_dir(),
            reporter=Bar(),
            first_seed=seed,
        )
    ]


def _setting() -> Setting:
    setting = common.published(SETTINGS)
    if setting.groups is None and flags.FLAGS['rows'].present:
        raise UsageError(f'--rows is for planted data, and not for --dataset={common.DATASET.value}: leave it out')
    return setting


def _table() -> pathlib.Path:
    return common.results_dir() / f'ladder_{common.DATASET.value}'


def _check_data() -> None:
    """Raises UsageError if the table is of other data."""
    path = _table().with_suffix('.json')
    theirs = None if common.QUICK.value else stored.read_json_if_there(path, {'data_hash': str}, mend=MEND)
    if theirs is not None and theirs['data_hash'] != (ours := _data(0)).hash:
        raise UsageError(
            f'{path} is the ladder of other data than {ours.folder}, such as another number of --rows: name another '
            '--results_dir'
        )


def _on(config: Config, data: PreparedData) -> Config:
    return configuration.replace(config, {'data.recipe': data.manifest['recipe']})


def _data(seed: int) -> PreparedData:
    """Returns the data of a seed. Planted data are generated in RUNS_DIR/ladder_data if they are not there."""
    dataset, groups = common.DATASET.value, _setting().groups
    if groups is None:
        return open_prepared(common.DATA_DIR.value, dataset, OF_MOVIELENS['data.recipe'])
    rows = min(_ROWS.value, common.QUICK_ROWS) if common.QUICK.value else _ROWS.value
    folder, name = pathlib.Path(common.RUNS_DIR.value, 'ladder_data'), f'{dataset}_{rows}_{seed}'
    if not (folder_of(folder, OWN_TABLE, name) / 'manifest.json').exists():
        found = planted.planted(FIELDS, VALUES, rows, strength=STRENGTH, single=SINGLE, seed=seed, **groups)
        registry.prepare_own(planted.write(found, folder, name), None, folder, registry.Options(0.0))
    return open_prepared(str(folder), OWN_TABLE, name)


if __name__ == '__main__':
    command.run(main)
