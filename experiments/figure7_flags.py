"""Flags of the experiments of Figure 7, and the runs that these look into."""

import pathlib
from typing import Any, NamedTuple

import experiment_flags as common
from absl import flags

from autoint_jax.data.store.columns import SPLITS, Columns
from autoint_jax.data.store.prepared import PreparedData

SEEDS = common.define_seeds()
flags.adopt_module_key_flags(common)
SPLIT = flags.DEFINE_enum('split', 'test', SPLITS, 'Split whose rows are explained.')


class Runs(NamedTuple):
    """The runs of `autoint` in Table 2.

    Attributes:
      claimed: what the paper claims about them.
      data: their prepared data.
      columns: the rows of --split.
      folders: the run folders of all seeds, with checkpoints.
      seeds: text such as '5 seeds'.
    """

    claimed: Any
    data: PreparedData
    columns: Columns
    folders: list[pathlib.Path]
    seeds: str


def completed(claims: dict[str, Any], name: str) -> Runs:
    """Returns the runs of all seeds. A run without a folder is trained.

    Args:
      claims: {data set: what the paper claims}.
      name: the name of the table, which has --seeds of them or more.

    Raises:
      UsageError: the chosen data set has no claim or is not prepared, or a run cannot be completed.
    """
    from autoint_jax.data.store.opening import open_prepared  # imported here, so that --help does not wait for it
    from autoint_jax.reproduction.paper import attention
    from autoint_jax.training.progress import Bar

    claimed, dataset = common.published(claims), common.DATASET.value
    common.keep_seeds(common.results_dir() / f'{name}_{dataset}')
    common.start(SEEDS.value)
    base = common.base_config('autoint')
    data = open_prepared(common.DATA_DIR.value, base.data.dataset, base.data.recipe)
    folders = attention.trained_seeds(
        f'{dataset}_autoint',
        base,
        SEEDS.value,
        data,
        runs_dir=pathlib.Path(common.RUNS_DIR.value),
        results_dir=common.results_dir(),
        reporter=Bar(),
    )
    seeds = f'{len(folders)} seed{"s" if len(folders) > 1 else ""}'
    return Runs(claimed, data, data.split(SPLIT.value), folders, seeds)
