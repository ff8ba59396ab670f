"""Crossed fields: the pairs, or triples, of values that encoded rows have in other fields.

A crossed field is made of encoded fields, so that rare and unknown values are what they are in these. A numeric field
takes part by the number of its bucket, between quantiles of training rows. A field of lists takes part by each of its
values, so that the crossed field is a list, too: of the pairs in which every list has a value.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.data.encoding.cross_keys import KeyCounts, Keys, Texts, hashed_keys
from autoint_jax.data.encoding.plan import CrossPlan
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.errors import UsageError, nearest
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, FieldSpec, Schema

BUCKETS = 10  # of a numeric field that is crossed
MOST_CROSSED_SLOTS = 100  # of a crossed field
_SAMPLE = 200_000  # most training rows whose numbers are kept for quantiles
_MOST_PAIRS = 2**62  # pairs of a cross are numbered by int64

# Encoded training rows, block by block: ids int32 [n, slots] and numbers float32 [n, numeric].
Blocks = Iterable[tuple[np.ndarray, np.ndarray]]


class CrossedField(NamedTuple):
    """A crossed field of some rows.

    Attributes:
      ids: int32 [n, slots]; 0 = a pair without an id (or, in a field of lists, no pair).
      pairs: number of pairs of each row, with or without an id, int [n].
    """

    ids: np.ndarray
    pairs: np.ndarray


class FittedCrosses(NamedTuple):
    """What crosses take from training rows.

    Attributes:
      vocabularies: {name of a counted cross: vocabulary}. A value is a JSON list of the texts of its parts.
      cuts: {name of a numeric field that is crossed: the points between its buckets, ascending}.
    """

    vocabularies: dict[str, Vocabulary]
    cuts: dict[str, tuple[float, ...]]


def fit_crosses(
    crosses: Sequence[CrossPlan],
    schema: Schema,
    vocabularies: Mapping[str, Vocabulary],
    blocks: Callable[[], Blocks],
    rows: int,
) -> FittedCrosses:
    """Fits crosses to training rows.

    Args:
      crosses: plans.
      schema: of the encoded rows, without crosses.
      vocabularies: {field: vocabulary} of the encoded rows.
      blocks: returns the training rows, once for each call.
      rows: number of training rows.

    Raises:
      UsageError: a cross names a field that does not exist, has too many slots, or too many pairs.
    """
    check_crosses(crosses, schema)
    numeric = [field.name for field in schema.numeric_fields if any(field.name in cross.fields for cross in crosses)]
    cuts = _cuts(numeric, schema, blocks(), rows) if numeric else {}
    keys = Keys(schema, cuts)
    counted = [cross for cross in crosses if not cross.buckets]
    counts = {cross.name: KeyCounts() for cross in counted}
    if counted:
        for ids, numbers in blocks():
            for cross in counted:
                found, present = keys(cross, ids, numbers)
                counts[cross.name].add(found[present])
    texts = Texts(schema, vocabularies)
    fitted = {
        cross.name: Vocabulary(tuple(texts.of(cross, counts[cross.name].most(cross.min_count, cross.cap), keys)))
        for cross in counted
    }
    return FittedCrosses(fitted, cuts)


def check_crosses(crosses: Sequence[CrossPlan], schema: Schema) -> None:
    """Raises UsageError if a cross names a field that a schema does not have, or would have too many slots or pairs."""
    fields = {field.name: field for field in schema.fields}
    for cross in crosses:
        for name in cross.fields:
            if name not in fields:
                raise UsageError(
                    f'the cross {cross.name!r} names field {name!r}{nearest(name, list(fields))}, which the data does '
                    f'not have; it has: {", ".join(fields)}'
                )
        if cross.name in fields:
            raise UsageError(f'the cross {cross.name!r} has the name of a field: give it another name')
        slots = math.prod(fields[name].max_values for name in cross.fields)
        if slots > MOST_CROSSED_SLOTS:
            raise UsageError(
                f'the cross {cross.name!r} would have {slots:,} slots, more than {MOST_CROSSED_SLOTS}: give its lists '
                'a smaller max_values, or cross other fields'
            )
        if math.prod(fields[name].cardinality + BUCKETS for name in cross.fields) >= _MOST_PAIRS:
            raise UsageError(
                f'the cross {cross.name!r} has too many possible values to number them: cross fewer fields'
            )


class CrossEncoder:
    """An encoder of crossed fields, from encoded rows.

    Attributes:
      fields: the crossed fields, as the schema has them after all others.
    """

    def __init__(
        self,
        crosses: Sequence[CrossPlan],
        schema: Schema,
        vocabularies: Mapping[str, Vocabulary],
        cuts: Mapping[str, tuple[float, ...]],
    ):
        """Prepares the tables of all crosses.

        Args:
          crosses: plans.
          schema: of the encoded rows, without crosses.
          vocabularies: of fields and counted crosses.
          cuts: points between the buckets of numeric fields.
        """
        self._crosses, self._keys = tuple(crosses), Keys(schema, cuts)
        texts = Texts(schema, vocabularies)
        self._known: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        specs = []
        kinds = {field.name: field for field in schema.fields}
        for cross in crosses:
            if not cross.buckets:
                keys = texts.keys(cross, vocabularies[cross.name].values, self._keys)
                order = np.argsort(keys)
                self._known[cross.name] = keys[order], (1 + order).astype(np.int32)
            lists = any(kinds[name].kind == MULTIVALUED for name in cross.fields)
            specs.append(
                FieldSpec(
                    cross.name,
                    MULTIVALUED if lists else CATEGORICAL,
                    1 + (cross.buckets or len(vocabularies[cross.name].values)),
                    math.prod(kinds[name].max_values for name in cross.fields),
                    embedding_dim=cross.embedding_dim,
                )
            )
        self.fields = tuple(specs)

    def __call__(self, ids: np.ndarray, numeric: np.ndarray) -> Iterator[CrossedField]:
        """Yields the crossed fields of rows: ids int32 [n, slots] and numbers float32 [n, numeric] without crosses."""
        for cross, spec in zip(self._crosses, self.fields, strict=True):
            keys, present = self._keys(cross, ids, numeric)
            if cross.buckets:
                found = 1 + hashed_keys(keys, cross.buckets)
            else:
                known, numbers = self._known[cross.name]
                place = np.minimum(np.searchsorted(known, keys), max(len(known) - 1, 0))
                found = np.where(known[place] == keys, numbers[place], 0) if len(known) else np.zeros_like(keys)
            found = np.where(present, found, 0).astype(np.int32)
            if spec.max_values > 1:  # pairs with an id come first
                found = np.take_along_axis(found, np.argsort(found == 0, axis=1, kind='stable'), 1)
            yield CrossedField(found, present.sum(1))


def _cuts(names: Sequence[str], schema: Schema, blocks: Blocks, rows: int) -> dict[str, tuple[float, ...]]:
    """Returns the quantiles of numeric fields in every so-manieth training row."""
    step, seen = max(1, math.ceil(rows / _SAMPLE)), 0
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for _, numeric in blocks:
        for name in names:
            found[name].append(numeric[-seen % step :: step, schema.numeric_columns[name]].ravel().copy())
        seen += len(numeric)
    cuts = {}
    for name, parts in found.items():
        values = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        values = values[~np.isnan(values)]
        points = np.quantile(values, np.arange(1, BUCKETS) / BUCKETS, method='lower') if len(values) else ()
        cuts[name] = tuple(float(point) for point in np.unique(points))
    return cuts
