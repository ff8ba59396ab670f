"""Settings: runs that differ in nothing but their seeds, and the options in which settings differ."""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from autoint_jax.comparison.runs import ComparedRun
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.models.registry import MODELS

NOT_READ = '-'  # stands for the value of an option that the model of a setting does not read
LONGEST, LABEL = 60, 26  # characters of a name, and of a name in a chart


class Setting(NamedTuple):
    """A setting and its runs.

    Attributes:
      name: a short name, of the options in which it differs from others.
      options: {option: value} of all options in which the settings differ; NOT_READ if its model does not read it.
      runs: its runs, by seed.
    """

    name: str
    options: dict[str, Any]
    runs: tuple[ComparedRun, ...]

    @property
    def label(self) -> str:
        """Its name for charts, cut to LABEL characters."""
        return self.name if len(self.name) <= LABEL else f'{self.name[: LABEL - 1]}…'

    @property
    def seeds(self) -> list[int]:
        """The seeds of its runs."""
        return [run.config.seed for run in self.runs]

    def figures(self, split: str, metric: str) -> dict[int, float]:
        """Returns {seed: figure} of a metric on 'valid' or 'test'."""
        return {run.config.seed: getattr(run.result, split)[metric] for run in self.runs}


def settings_of(runs: Sequence[ComparedRun]) -> list[Setting]:
    """Groups runs by settings, in the order in which they are given."""
    grouped: dict[Any, list[ComparedRun]] = {}
    for run in runs:
        grouped.setdefault(_without_seed(run), []).append(run)
    return settings_of_groups(list(grouped.values()))


def settings_of_groups(groups: Sequence[Sequence[ComparedRun]]) -> list[Setting]:
    """Returns a setting for each group of runs, which differ in their seeds alone; groups may be of equal settings."""
    configs = [_without_seed(group[0]) for group in groups]
    options = {option for config in configs for option in configuration.differing(configs[0], config)}
    known = [leaf.path for leaf in configuration.leaves() if leaf.path in options]  # in the order of the configuration
    values = [{option: _value(config, option) for option in known} for config in configs]
    return [
        Setting(name, own, tuple(sorted(group, key=lambda run: run.config.seed)))
        for name, own, group in zip(_names(values), values, groups, strict=True)
    ]


def numbered(settings: Sequence[Setting]) -> list[Setting]:
    """Returns settings with numbers before their names, in their order, if a name is too long for charts."""
    if all(len(setting.name) <= LABEL for setting in settings):
        return list(settings)
    return [setting._replace(name=f'{number}: {setting.name}') for number, setting in enumerate(settings, start=1)]


def shared_metrics(settings: Sequence[Setting]) -> list[str]:
    """Returns the metrics that all runs have on both splits, in the order of the table of metrics."""
    results = [run.result for setting in settings for run in setting.runs]
    return [name for name in METRICS if all(name in result.test and name in result.valid for result in results)]


def _without_seed(run: ComparedRun) -> Config:
    return dataclasses.replace(run.config, seed=0)


def _value(config: Config, option: str) -> Any:
    group, _, name = option.partition('.')
    model = MODELS.get(config.model.name)
    if group == 'model' and name != 'name' and model is not None and name not in model.OPTIONS:
        return NOT_READ
    value = configuration.value(config, option)
    return ','.join(map(str, value)) if isinstance(value, tuple) else value


def _names(values: Sequence[dict[str, Any]]) -> list[str]:
    """Returns short names of settings, all different."""
    models = [str(own.get('model.name', '')) for own in values]
    if len(set(models)) == len(models) > 1:
        return models
    made = [_name(own) for own in values]
    counts = collections.Counter(made)
    return [
        name if counts[name] == 1 else f'{name[: LONGEST - 5]} ({number})' for number, name in enumerate(made, start=1)
    ]


def _name(values: dict[str, Any]) -> str:
    parts = [
        shown(value) if option == 'model.name' else f'{option.rpartition(".")[2]} {shown(value)}'
        for option, value in values.items()
        if value != NOT_READ
    ]
    text = ', '.join(parts) or 'the only setting'
    return text if len(text) <= LONGEST else f'{text[: LONGEST - 3]}...'


def shown(value: Any) -> str:
    """Returns the value of an option as text."""
    return f'{value:.6g}' if isinstance(value, float) else str(value)
