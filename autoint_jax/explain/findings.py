"""What is known about a trained run and some rows: how good it is, what it learned, and how far that can be believed.

These are plain tuples with NumPy arrays. Programs that show findings need nothing else of this package.
"""

from typing import NamedTuple

import numpy as np

from autoint_jax.evaluation.quality import Curve, Quality
from autoint_jax.explain.effects import Effects


class RunFacts(NamedTuple):
    """The run and the rows that findings are about.

    Attributes:
      folder: name of the run folder.
      model, dataset, recipe: names.
      source: name of the split, or of the file with raw rows.
      where: a sentence that says which rows of the source are meant; '' for all.
      rows: number of these rows.
      form: name of the form of the interacting layers that computed attention, 'einsum'; '' without attention.
      seeds: seeds of the run and of the other runs, in this order.
      others: names of the folders of other runs that differ in the seed only.
    """

    folder: str
    model: str
    dataset: str
    recipe: str
    source: str
    where: str
    rows: int
    form: str
    seeds: list[int]
    others: list[str]


class AttentionGroup(NamedTuple):
    """The mean attention of some rows.

    Attributes:
      name: says which rows.
      rows: their number.
      maps: float32 [l, n, f, g]; row f of a map says how much field f attends to every field.
    """

    name: str
    rows: int
    maps: np.ndarray


class Agreement(NamedTuple):
    """How much the mean attention of several runs agrees.

    Attributes:
      runs: names of the run folders, [r].
      of: what is compared: each layer (the mean of its heads), and the mean of all layers, [m].
      correlations: Spearman's rank correlation of the weights between different fields, float64 [m, r, r].
    """

    runs: list[str]
    of: list[str]
    correlations: np.ndarray


class AttentionFindings(NamedTuple):
    """What attention shows.

    Attributes:
      layers: names of the layers, [l].
      uniform: the weight if each field attended to all fields alike.
      groups: all rows, rows by label, and rows by decile of prediction.
      agreement: of several runs; None if no other run is given.
    """

    layers: list[str]
    uniform: float
    groups: list[AttentionGroup]
    agreement: Agreement | None


class ValueGroup(NamedTuple):
    """An interaction of values: fields that have certain values together.

    Attributes:
      fields: names of the fields.
      values: their values as text.
      rows: number of explained rows that have these values.
      strength: mean over these rows of the squared interaction by intervention.
      low, high: its 95 % interval; groups are ranked by `low`, so that rare values do not win by noise.
      effect: mean of the signed interaction, in logits.
    """

    fields: tuple[str, ...]
    values: tuple[str, ...]
    rows: int
    strength: float
    low: float
    high: float
    effect: float


class Interactions(NamedTuple):
    """Which fields matter, and which interact, by several kinds of evidence.

    Attributes:
      singles, pairs, triples: {kind: strengths of groups of one, two or three fields}.
      values: interactions of values, by rank.
    """

    singles: dict[str, Effects]
    pairs: dict[str, Effects]
    triples: dict[str, Effects]
    values: list[ValueGroup]


class Row(NamedTuple):
    """A single row.

    Attributes:
      number: number of the row in its source, from 0.
      label: 0 or 1; None if it is unknown.
      values: the raw value of each field as text, [f].
      probability, logit: the prediction.
      attention: float32 [l, n, f, g]; None if the model has none.
      field_effects: effect of each field on the logit by intervention, float64 [f].
      pairs: numbers of two fields and the signed effect of their interaction, the strongest first.
    """

    number: int
    label: int | None
    values: list[str]
    probability: float
    logit: float
    attention: np.ndarray | None
    field_effects: np.ndarray
    pairs: list[tuple[int, int, float]]


class Permuted(NamedTuple):
    """What the AUC loses if the values of a group of fields are permuted over the rows, together.

    Attributes:
      fields: names of the fields.
      loss, low, high: the loss and its 95 % interval.
      alone: sum of the losses if each field is permuted alone.
    """

    fields: tuple[str, ...]
    loss: float
    low: float
    high: float
    alone: float


class Belief(NamedTuple):
    """How far each kind of evidence can be trusted.

    Attributes:
      deletion: {kind: number of fields replaced by those of another row, the most important first; mean absolute change
        of the logit}. A kind that finds what matters rises early. The kind 'random' is for comparison.
      insertion: {kind: number of fields taken from the row into another row, the most important first; mean absolute
        distance to the row's logit}. A kind that finds what matters falls early.
      permuted: pairs that some kind of evidence holds to be strong, and the AUC without them; [] without labels.
      kinds: the kinds of evidence for pairs, [k].
      correlations: Spearman's rank correlation of the strengths of all pairs in two kinds, float64 [k, k].
      seeds: {kind: mean rank correlation of the strengths of pairs over every two runs}; None without other runs.
      sentences: what follows from these checks.
    """

    deletion: dict[str, Curve]
    insertion: dict[str, Curve]
    permuted: list[Permuted]
    kinds: list[str]
    correlations: np.ndarray
    seeds: dict[str, float] | None
    sentences: list[str]


class Findings(NamedTuple):
    """All findings.

    Attributes:
      run: the run and the rows.
      fields: names of the fields, [f].
      quality: None if the rows have no labels.
      attention: None if the model has no attention over fields.
      interactions: which fields matter and interact.
      rows: single rows.
      belief: how far this can be trusted.
    """

    run: RunFacts
    fields: list[str]
    quality: Quality | None
    attention: AttentionFindings | None
    interactions: Interactions
    rows: list[Row]
    belief: Belief
