"""The vocabulary of a field: which id each value has."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The known values of a field in the order of their ids, which start at 1.

    Id 0 is the unknown value in a categorical field, and padding in a multivalued one.

    Attributes:
      values: as text.
    """

    values: tuple[str, ...]

    @classmethod
    def fitted(cls, values: Iterable[str]) -> 'Vocabulary':
        """The vocabulary of all distinct non-empty values.

        They are sorted, so that ids depend on the set of values only.
        """
        return cls(tuple(sorted(set(values) - {''})))

    @property
    def cardinality(self) -> int:
        """Number of ids, id 0 included."""
        return len(self.values) + 1

    def encode(self, values: Sequence[str] | np.ndarray) -> np.ndarray:
        """Values [n] -> ids int32 [n]; 0 for unknown values."""
        ids = {value: number for number, value in enumerate(self.values, start=1)}
        distinct, inverse = np.unique(np.asarray(values, str), return_inverse=True)
        return np.array([ids.get(value, 0) for value in distinct.tolist()], np.int32)[inverse]

    def encode_lists(self, lists: Sequence[Sequence[str]], max_values: int) -> np.ndarray:
        """Lists of values [n] -> ids int32 [n, max_values], padded with 0.

        Unknown values and those past the limit are dropped.
        """
        ids = {value: number for number, value in enumerate(self.values, start=1)}
        encoded = np.zeros((len(lists), max_values), np.int32)
        for row, values in enumerate(lists):
            known = [ids[value] for value in values if value in ids][:max_values]
            encoded[row, : len(known)] = known
        return encoded
