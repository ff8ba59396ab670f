"""Which fields matter, and which interact: single fields, pairs and triples by every kind of evidence."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.explain import evidence, interventions, shapley
from autoint_jax.explain.effects import Effects, Resampled
from autoint_jax.explain.findings import Interactions, ValueGroup
from autoint_jax.explain.strengths import INTERVENTION, SHAPLEY, Asked, by_row
from autoint_jax.explain.survey.request import Choice, Surveyed, rows_for
from autoint_jax.explain.survey.value_groups import value_groups
from autoint_jax.explain.texts import ValueTexts

LEAST_ROWS = 50  # that are explained, whatever it costs
SAMPLES = 2  # contexts of a sampled Shapley value for each row; more rows tell more than more contexts
# The fields whose pairs are measured, and of them those whose triples are, both the strongest of all.
PAIR_FIELDS, TRIPLE_FIELDS = 60, 8
# The strongest pairs and triples whose values are told apart, and the most groups of values of each.
VALUE_PAIRS, VALUE_TRIPLES, VALUES_OF_EACH = 10, 3, 20


class Measured(NamedTuple):
    """Groups of fields in some rows.

    Attributes:
      groups: by numbers of fields, [k].
      effects: their strengths over all rows.
      rows: the rows, [n], in memory.
      strengths, signed: of each group in each row, float32 [n, k].
    """

    groups: list[tuple[int, ...]]
    effects: Effects
    rows: Columns
    strengths: np.ndarray
    signed: np.ndarray


def measured(
    surveyed: Surveyed, rows: Columns, kind: str, groups: Sequence[tuple[int, ...]], choice: Choice
) -> Measured:
    """Measures groups of one size by one kind of evidence, in so many of the rows as `choice.scores` allows.

    The first rows are taken, so that `rows` must be in random order; all kinds of evidence then share rows.

    Raises:
      UsageError: there is one row only, or the model has no attention over fields.
    """
    names = surveyed.run.setup.schema.names
    of_row = scores_of_row(kind, groups, len(names))
    if kind not in evidence.KINDS:
        of_row = -(-of_row // 2)  # rows share their scores two by two
    some = rows.part(slice(rows_for(choice.scores, of_row, LEAST_ROWS, len(rows))))
    summed, strengths, signed = Resampled(len(groups), choice.seed), [], []
    for piece in by_row(
        surveyed.run, surveyed.scorer, some, None, Asked(kind=kind, samples=SAMPLES, seed=choice.seed), groups
    ):
        summed.add(*piece)
        strengths.append(piece.strengths.astype(np.float32))
        signed.append(piece.effects.astype(np.float32))
    named = [tuple(names[field] for field in group) for group in groups]
    return Measured(list(groups), summed.result(named), some, np.concatenate(strengths), np.concatenate(signed))


def scores_of_row(kind: str, groups: Sequence[tuple[int, ...]], fields: int) -> int:
    """Returns how many scores a row beside a background row needs for some groups of one size, at most."""
    if kind in evidence.KINDS:
        return len(groups)  # of no scores, but each is a number to keep
    order = len(groups[0])
    if kind == SHAPLEY:
        return 1 << fields if fields <= shapley.MOST_EXACT else SAMPLES * len(groups) << order
    parts = {part for group in groups for size in range(order + 1) for part in itertools.combinations(group, size)}
    return 2 * len(parts)


def interactions_of(
    surveyed: Surveyed, texts: ValueTexts, rows: Columns, kinds: Sequence[str], choice: Choice
) -> tuple[Interactions, dict[str, Measured]]:
    """Returns the strengths of single fields, pairs and triples, and of the values of the strongest of them.

    Args:
      surveyed: the run.
      texts: writes values.
      rows: the rows, in memory and in random order.
      kinds: of evidence for pairs.
      choice: how many scores may be computed, and the seed.

    Returns:
      The findings, and {kind: the pairs in single rows}.
    """
    schema = surveyed.run.setup.schema
    fields = range(len(schema.fields))
    signed = [kind for kind in kinds if kind in (INTERVENTION, SHAPLEY)]
    few, some = (choice._replace(scores=choice.scores // part) for part in (4, 2))  # pairs need most
    singles = {kind: measured(surveyed, rows, kind, [(field,) for field in fields], few) for kind in signed}
    chosen = strongest_fields(singles[INTERVENTION], PAIR_FIELDS)
    pairs = {
        kind: measured(surveyed, rows, kind, interventions.groups_of(chosen, 2), some if kind == SHAPLEY else choice)
        for kind in (kinds if len(chosen) > 1 else ())
    }
    triples: dict[str, Measured] = {}
    if len(chosen) > 2:
        three = interventions.groups_of(strongest_fields(pairs[INTERVENTION], TRIPLE_FIELDS), 3)
        exact = len(fields) <= shapley.MOST_EXACT
        triples = {kind: measured(surveyed, rows, kind, three, some) for kind in (signed if exact else [INTERVENTION])}
    values: list[ValueGroup] = []
    for found, most in ((pairs, VALUE_PAIRS), (triples, VALUE_TRIPLES)):
        if INTERVENTION in found:
            values.extend(values_of_strongest(found[INTERVENTION], surveyed, texts, most))
    return (
        Interactions(
            _effects(singles),
            _effects(pairs),
            _effects(triples),
            sorted(values, key=lambda one: (-one.low, -one.strength)),
        ),
        pairs,
    )


def _effects(found: Mapping[str, Measured]) -> dict[str, Effects]:
    return {kind: own.effects for kind, own in found.items()}


def strongest_fields(found: Measured, most: int) -> list[int]:
    """Returns the fields of the strongest groups, at most `most`, in the order of the schema."""
    chosen: list[int] = []
    for number in np.argsort(-found.effects.strength, kind='stable'):
        new = [field for field in found.groups[number] if field not in chosen]
        if len(chosen) + len(new) <= most:
            chosen.extend(new)
    return sorted(chosen)


def values_of_strongest(found: Measured, surveyed: Surveyed, texts: ValueTexts, most: int) -> list[ValueGroup]:
    """Returns the groups of values of the strongest groups of fields, at most VALUES_OF_EACH of each."""
    schema, kept = surveyed.run.setup.schema, []
    for number in np.argsort(-found.effects.low, kind='stable')[:most]:
        of_row = found.strengths[:, number], found.signed[:, number]
        kept.extend(value_groups(schema, texts, found.rows, found.groups[number], *of_row)[:VALUES_OF_EACH])
    return kept


def pair_kinds(attention: bool) -> list[str]:
    """Returns the kinds of evidence for pairs in a model with attention, or without."""
    return [*(evidence.KINDS if attention else ()), INTERVENTION, SHAPLEY]
