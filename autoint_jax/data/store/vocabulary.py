"""Values of a field <-> ids. Id 0 is the unknown value (or padding, in a multivalued field)."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Known values in the order of their ids, which start at 1."""

    values: tuple[str, ...]

    @classmethod
    def fitted(cls, values: Iterable[str]) -> 'Vocabulary':
        """All distinct non-empty values, sorted, so that ids depend on the set of values only."""
        return cls(tuple(sorted(set(values) - {''})))

    @property
    def cardinality(self) -> int:
        return len(self.values) + 1

    def encode(self, values: Sequence[str] | np.ndarray) -> np.ndarray:
        """Values [n] -> int32 ids [n]; 0 for values that are not known."""
        ids = {value: number for number, value in enumerate(self.values, start=1)}
        distinct, inverse = np.unique(np.asarray(values, str), return_inverse=True)
        return np.array([ids.get(value, 0) for value in distinct.tolist()], np.int32)[inverse]

    def encode_lists(self, lists: Sequence[Sequence[str]], max_values: int) -> np.ndarray:
        """Lists of values -> int32 [n, max_values], padded with 0; unknown values and those past the limit drop out."""
        ids = {value: number for number, value in enumerate(self.values, start=1)}
        encoded = np.zeros((len(lists), max_values), np.int32)
        for row, values in enumerate(lists):
            known = [ids[value] for value in values if value in ids][:max_values]
            encoded[row, : len(known)] = known
        return encoded
