"""The table at the end of a command that trained copies of a run: a row for each copy, then means over seeds."""

import pathlib
from collections.abc import Sequence

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.records.comparison import measured, show
from autoint_jax.training.copies.options import varying_options
from autoint_jax.training.run_folder.result import Result


def show_copies(
    configs: Sequence[Config], results: Sequence[Result | UsageError], folders: Sequence[pathlib.Path]
) -> None:
    """Prints a row for each copy with the options in which copies differ, its figures and its folder.

    If copies of one setting differ in the seed, a row with mean and deviation over seeds follows for each setting.
    """
    options = varying_options(configs)
    done = [result for result in results if isinstance(result, Result)]
    figures = [(split, name) for split in ('valid', 'test') for name in (getattr(done[0], split) if done else ())]
    settings: dict[tuple[str, ...], list[Result]] = {}
    rows = []
    for config, result, folder in zip(configs, results, folders, strict=True):
        values = tuple(_shown(configuration.value(config, option)) for option in options)
        if isinstance(result, Result):
            settings.setdefault(values[1:], []).append(result)
            cells = [METRICS[name].shown(getattr(result, split)[name]) for split, name in figures]
        else:
            cells = ['diverged'] * len(figures)
        rows.append([*values, *cells, str(folder)])
    for values, same in settings.items():
        if len(same) > 1:
            means = [str(measured([getattr(result, split)[name] for result in same])) for split, name in figures]
            rows.append([f'mean of {len(same)}', *values, *means, ''])
    titles = [f'{split} {METRICS[name].title}' for split, name in figures]
    show('copies', [*(option.rpartition('.')[2] for option in options), *titles, 'run folder'], rows)


def _shown(value: object) -> str:
    return f'{value:g}' if isinstance(value, float) else str(value)
