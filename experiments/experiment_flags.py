"""Flags that all experiments share.

Functions import modules that take long to import, so that --help does not wait for them.
"""

import functools
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

from absl import flags

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.folder import CONFIGS
from autoint_jax.errors import UsageError, nearest

QUICK_ROWS, QUICK_SEEDS = 2048, 2  # with --quick: of each split; at most
DATASET = flags.DEFINE_string('dataset', 'movielens_1m', 'Data set of the experiment, which must be prepared.')
QUICK = flags.DEFINE_boolean(
    'quick',
    False,
    f'Try the experiment out: one epoch of the first {QUICK_ROWS:,} rows, at most {QUICK_SEEDS} seeds, no verdict. Its '
    'records lie in RUNS_DIR/quick/results.',
)
DATA_DIR = flags.DEFINE_string('data_dir', 'data/prepared', 'Folder of prepared data.')
RUNS_DIR = flags.DEFINE_string('runs_dir', 'runs', 'Folder of run folders.')
RESULTS_DIR = flags.DEFINE_string(
    'results_dir', 'results', 'Folder of records. A run that has a record is not trained again.'
)


def published(figures: dict[str, Any]) -> Any:
    """Returns the published figures of the chosen data set. Raises UsageError if `figures` has none."""
    if DATASET.value not in figures:
        raise UsageError(
            f'this experiment has no data set {DATASET.value!r}{nearest(DATASET.value, list(figures))}; '
            f'it has: {", ".join(figures)}. Choose one by --dataset'
        )
    return figures[DATASET.value]


def config_path(model: str) -> pathlib.Path:
    """Returns experiments/configs/DATASET_MODEL.toml if it exists, else paper_MODEL.toml."""
    own = CONFIGS / f'{DATASET.value}_{model}.toml'
    return own if own.exists() else CONFIGS / f'paper_{model}.toml'


def base_config(model: str) -> Config:
    """Returns the configuration of a model for the data set, shortened by --quick. Raises UsageError if it is wrong."""
    config = configuration.load(config_path(model))
    config = configuration.replace(config, {'data.dataset': DATASET.value})
    return configuration.replace(config, {'training.epochs': 1}) if QUICK.value else config


def results_dir() -> pathlib.Path:
    """Returns the folder of records."""
    return pathlib.Path(RESULTS_DIR.value)


def experiment(main: Callable[[list[str]], int | None]) -> Callable[[list[str]], int | None]:
    """Decorates the `main` of an experiment: with --quick it is only tried out, judges nothing, and returns 0."""

    @functools.wraps(main)
    def tried_out(argv: list[str]) -> int | None:
        if not QUICK.value:
            return main(argv)
        from autoint_jax.data.store.first_rows import open_undamaged
        from autoint_jax.data.store.opening import NotPrepared
        from autoint_jax.records import comparison

        whole = DATA_DIR.value
        _shorten()
        try:
            with comparison.without_verdicts():
                main(argv)
        except NotPrepared as missing:
            # Names the folder of the user, not that of first rows, or what is damaged there.
            open_undamaged(whole, missing.dataset, missing.recipe)
            raise
        print('quick: no verdict')
        return 0

    return tried_out


def _shorten() -> None:
    """Sets the flags of an experiment that is only tried out: few rows and seeds, and other folders in RUNS_DIR."""
    import jax

    # Programs compile faster than they could be made fast; commands that the experiment starts do the same.
    os.environ['JAX_DISABLE_MOST_OPTIMIZATIONS'] = '1'
    jax.config.update('jax_disable_most_optimizations', True)
    folder = pathlib.Path(RUNS_DIR.value, 'quick')
    flags.FLAGS['runs_dir'].value = str(folder / 'runs')
    flags.FLAGS['results_dir'].value = str(folder / 'results')
    shorten_data(DATASET.value)
    if 'seeds' in flags.FLAGS:
        flags.FLAGS['seeds'].value = min(flags.FLAGS.seeds, QUICK_SEEDS)


def shorten_data(dataset: str) -> None:
    """Sets --data_dir of an experiment that is only tried out to a folder of first rows, if a recipe is prepared."""
    from autoint_jax.data.store import first_rows

    folder = pathlib.Path(RUNS_DIR.value).parent
    short, recipes = folder / 'data', first_rows.whole_recipes(DATA_DIR.value, dataset, print)
    if any(first_rows.holds_other_rows(data, short) for data in recipes):
        shutil.rmtree(folder)  # runs of other rows are in the way
    for data in recipes:
        if not (made := first_rows.first_rows_folder(data, short)).exists():
            first_rows.write_first_rows(data, QUICK_ROWS, made)
    if recipes:
        flags.FLAGS['data_dir'].value = str(short)


def define_seeds() -> flags.FlagHolder:
    """Defines --seeds of an experiment with several seeds."""
    return flags.DEFINE_integer(
        'seeds', 3, 'Number of seeds; seeds 0 to SEEDS - 1 are run.', lower_bound=1, upper_bound=1024
    )


def keep_seeds(path: pathlib.Path) -> None:
    """Raises --seeds to the number of seeds that the table PATH.json shows, so that it loses none if it is made again.

    Runs that have records are not trained again.
    """
    from autoint_jax.records.tables import seeds_of

    if (shown := seeds_of(path)) > flags.FLAGS.seeds:
        print(f'{path}.json shows {shown} seeds, so {shown} are completed', flush=True)
        flags.FLAGS['seeds'].value = shown


def define_models(figures: dict) -> flags.FlagHolder:
    """Defines --models of a table of models."""
    return flags.DEFINE_list(
        'models',
        None,
        f'Models to run, of {", ".join(figures)}; by default all. Every model that has records is shown.',
    )


def model_table(
    title: str, figures: dict, *, models: list[str] | None, seeds: int, tolerances: dict[str, float], name: str
) -> int:
    """Completes a table of models on the chosen data set and writes it to RESULTS_DIR/NAME_DATASET.

    Args:
      title: the title of the table.
      figures: {model: {data set: published figures}}.
      models: the models to run; None stands for all.
      seeds: seeds 0 to seeds - 1 are run.
      tolerances: {model: tolerance of AUC}; '' stands for all other models.
      name: the name of the table's files.

    Returns:
      The exit status, 3 if a model failed.

    Raises:
      UsageError: the table has no such model or data set.
    """
    from autoint_jax.reproduction.paper import effectiveness
    from autoint_jax.training.progress import Bar

    start(seeds)
    chosen = list(figures) if models is None else models
    for model in chosen:
        if model not in figures:
            raise UsageError(
                f'this experiment has no model {model!r}{nearest(model, list(figures))}; it has: {", ".join(figures)}'
            )
    published({dataset: None for of_model in figures.values() for dataset in of_model})
    passed = effectiveness.completed_table(
        title,
        DATASET.value,
        figures,
        models=chosen,
        seeds=seeds,
        base_config=base_config,
        tolerances=tolerances,
        data_dir=DATA_DIR.value,
        runs_dir=pathlib.Path(RUNS_DIR.value),
        results_dir=results_dir(),
        path=results_dir() / f'{name}_{DATASET.value}',
        reporter=Bar(),
    )
    return 0 if passed else 3


def start(seeds: int) -> None:
    """Prepares a script that trains seeds together: keeps compiled programs, and makes a CPU device for each seed."""
    from autoint_jax.training.step import placement

    start_cache()
    placement.split_cpu(seeds)


def start_cache() -> None:
    """Keeps compiled programs in the user's cache folder, so that the runs of an experiment share them."""
    from autoint_jax.training import compilation

    if problem := compilation.cache_compilations(compilation.default_folder()):
        print(problem)
