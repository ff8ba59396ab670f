"""The same rows explained by other runs, which differ in their seed."""

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.explain import attention
from autoint_jax.explain.survey.field_groups import Measured, measured
from autoint_jax.explain.survey.request import Choice, Surveyed

FEWER = 4  # another run computes so many times fewer scores


class Compared(NamedTuple):
    """What one of several runs shows of the same rows.

    Attributes:
      name: of the run folder.
      seed: of the run.
      maps: mean attention, [l, n, f, g]; None without attention.
      strengths: {kind: strengths of the same pairs of fields, float64 [pairs]}.
    """

    name: str
    seed: int
    maps: np.ndarray | None
    strengths: dict[str, np.ndarray]


def check_same(surveyed: Surveyed, folder: pathlib.Path, model: ModelConfig, data_hash: str) -> None:
    """Raises UsageError if a run is of other data or another model: its fields or layers do not correspond.

    Args:
      surveyed: the run that others are compared with.
      folder: folder of the other run.
      model: options of its model.
      data_hash: hash of its data.
    """
    if surveyed.run.data.hash != data_hash:
        raise UsageError(f'{folder} was trained on other data than {surveyed.folder}: compare runs on the same data')
    if surveyed.run.setup.config.model != model:
        raise UsageError(
            f'{folder} holds a run of another model than {surveyed.folder}, or with other options of it: compare runs '
            'that differ in their seed'
        )


def compared(
    other: Surveyed, rows: Columns, pairs: Mapping[str, Measured], choice: Choice, *, has_attention: bool
) -> Compared:
    """Returns what another run shows.

    Args:
      other: the run.
      rows: the rows, in memory and in random order.
      pairs: {kind: what the first run shows of pairs}.
      choice: how many scores may be computed, and the seed.
      has_attention: whether the model has attention over fields.
    """
    few, run = choice._replace(scores=choice.scores // FEWER), other.run
    strengths = {kind: measured(other, rows, kind, own.groups, few).effects.strength for kind, own in pairs.items()}
    maps = attention.averaged(run.setup, run.state, rows) if has_attention else None
    return Compared(other.folder.name, run.setup.config.seed, maps, strengths)
