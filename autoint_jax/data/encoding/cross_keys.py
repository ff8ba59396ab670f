"""Pairs of values as numbers and as texts, and their counts."""

import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from autoint_jax.data.encoding.plan import CrossPlan
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.schema import MULTIVALUED, NUMERIC, Schema

_MOST_KEYS = 4_000_000  # pairs of a cross that are held before they are counted together
# Of the hash: a prime, factors below it, and the number by which its two halves are told apart.
PRIME, FACTORS, HALF = 2**31 - 1, (48271, 69621, 16807), 1 << 16


def hashed_keys(keys: np.ndarray, buckets: int) -> np.ndarray:
    """Numbers of pairs int64 -> numbers from 0 to `buckets` - 1, by multiplications modulo a prime."""
    low, high, last = FACTORS
    mixed = (keys % PRIME * low + keys // PRIME % PRIME * high) % PRIME
    return (mixed % HALF * (HALF // 2) + mixed // HALF) % PRIME * last % PRIME % buckets


class Keys:
    """Numbers the pairs of values of a cross: those of all possible pairs are different."""

    def __init__(self, schema: Schema, cuts: Mapping[str, tuple[float, ...]]):
        self._slots, self._columns = schema.slots, schema.numeric_columns
        self._lists = {field.name for field in schema.fields if field.kind == MULTIVALUED}
        self._cuts = {name: np.asarray(points, np.float32) for name, points in cuts.items()}
        self.sizes = {field.name: field.cardinality for field in schema.id_fields} | {
            name: len(points) + 2 for name, points in cuts.items()
        }

    def __call__(self, cross: CrossPlan, ids: np.ndarray, numeric: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the numbers of the pairs of each row, int64 [n, slots], and where there is a pair, bool [n, slots].

        Args:
          cross: the plan.
          ids: int32 [n, slots of the schema].
          numeric: float32 [n, numeric].
        """
        keys, present = np.zeros((len(ids), 1), np.int64), np.ones((len(ids), 1), bool)
        for name in cross.fields:
            own = self._parts(name, ids, numeric)
            there = own > 0 if name in self._lists else np.ones(own.shape, bool)
            keys = (keys[:, :, None] * self.sizes[name] + own[:, None, :]).reshape(len(ids), -1)
            present = (present[:, :, None] & there[:, None, :]).reshape(len(ids), -1)
        return keys, present

    def _parts(self, name: str, ids: np.ndarray, numeric: np.ndarray) -> np.ndarray:
        """Returns the ids of a field, or the numbers of its buckets from 1, 0 for a missing number; int64 [n, k]."""
        if name in self._slots:
            return ids[:, self._slots[name]].astype(np.int64)
        values = numeric[:, self._columns[name]]
        return np.where(np.isnan(values), 0, 1 + np.searchsorted(self._cuts[name], values, side='right'))

    def split(self, cross: CrossPlan, keys: np.ndarray) -> np.ndarray:
        """Numbers of pairs int64 [k] -> the parts of each, int64 [fields, k]."""
        parts = []
        for name in reversed(cross.fields):
            parts.append(keys % self.sizes[name])
            keys = keys // self.sizes[name]
        return np.stack(parts[::-1])

    def joined(self, cross: CrossPlan, parts: np.ndarray) -> np.ndarray:
        """The inverse of `split`."""
        keys = np.zeros(parts.shape[1], np.int64)
        for name, own in zip(cross.fields, parts, strict=True):
            keys = keys * self.sizes[name] + own
        return keys


class Texts:
    """Writes pairs as texts, and reads them: JSON lists of a field's texts, or of numbers if it has no vocabulary."""

    def __init__(self, schema: Schema, vocabularies: Mapping[str, Vocabulary]):
        self._values = {
            field.name: vocabularies[field.name].values
            for field in schema.fields
            if field.kind != NUMERIC and field.name in vocabularies
        }

    def of(self, cross: CrossPlan, numbers: np.ndarray, keys: Keys) -> Iterator[str]:
        """Yields the texts of pairs by their numbers, int64 [k]."""
        for parts in keys.split(cross, numbers).T.tolist():
            yield json.dumps(list(map(self._text, cross.fields, parts)), ensure_ascii=False)

    def keys(self, cross: CrossPlan, texts: Sequence[str], keys: Keys) -> np.ndarray:
        """Returns the numbers of pairs by their texts, int64 [k]."""
        ids = [{text: number for number, text in enumerate(self._values.get(name, ()), 1)} for name in cross.fields]
        parts = np.zeros((len(cross.fields), len(texts)), np.int64)
        for number, text in enumerate(texts):
            for field, part in enumerate(json.loads(text)):
                if part is not None:
                    parts[field, number] = part if isinstance(part, int) else ids[field][part]
        return keys.joined(cross, parts)

    def _text(self, name: str, number: int) -> str | int | None:
        if not number:
            return None
        return self._values[name][number - 1] if name in self._values else number


class KeyCounts:
    """Counts of the pairs of one cross, which grow block by block."""

    def __init__(self) -> None:
        self._keys: list[np.ndarray] = []
        self._counts: list[np.ndarray] = []
        self._held = 0

    def add(self, keys: np.ndarray) -> None:
        """Counts pairs by their numbers, int64 [k]."""
        found, counts = np.unique(keys, return_counts=True)
        self._keys.append(found)
        self._counts.append(counts)
        self._held += len(found)
        if self._held > _MOST_KEYS and len(self._keys) > 1:
            self._join()

    def _join(self) -> None:
        keys, place = np.unique(np.concatenate(self._keys), return_inverse=True)
        counts = np.zeros(len(keys), np.int64)
        np.add.at(counts, place, np.concatenate(self._counts))
        self._keys, self._counts, self._held = [keys], [counts], 0

    def most(self, min_count: int, cap: int | None) -> np.ndarray:
        """Returns the numbers of the pairs that get an id, ascending: frequent ones, and of these at most `cap`."""
        if not self._keys:
            return np.zeros(0, np.int64)
        self._join()
        keys, counts = self._keys[0], self._counts[0]
        keys, counts = keys[counts >= min_count], counts[counts >= min_count]
        if cap is not None and len(keys) > cap:
            keys = np.sort(keys[np.argsort(-counts, kind='stable')[:cap]])
        return keys
