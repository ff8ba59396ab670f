"""Tables from values to ids, which are built once and read for every block of rows."""

import numpy as np
import polars as pl


class IntegerTable:
    """A hash table from integers to ids, by open addressing, which looks up whole arrays at a time."""

    def __init__(self, values: np.ndarray, first_id: int):
        """Distinct `values` get the ids `first_id`, `first_id + 1`, ...; `first_id` is at least 1."""
        self._unsigned = np.dtype(f'u{values.dtype.itemsize}')
        bits = max(4, int(2 * len(values)).bit_length() + 1)
        width = 8 * values.dtype.itemsize
        self._factor = self._unsigned.type(0x9E3779B97F4A7C15 >> (64 - width) | 1)
        self._shift = self._unsigned.type(max(width - bits, 0))
        self._last = (1 << min(bits, width)) - 1
        self._values = np.zeros(self._last + 1, self._unsigned)
        self._ids = np.zeros(self._last + 1, np.int32)  # 0: empty
        rest, ids = values.view(self._unsigned), np.arange(first_id, first_id + len(values), dtype=np.int32)
        slots = self._slots(rest)
        while len(rest):
            free = self._ids[slots] == 0
            # If several values want a slot, NumPy keeps the last one.
            self._values[slots[free]], self._ids[slots[free]] = rest[free], ids[free]
            lost = self._ids[slots] != ids
            rest, ids, slots = rest[lost], ids[lost], (slots[lost] + 1) & self._last

    def _slots(self, values: np.ndarray) -> np.ndarray:
        """Values [n] -> the slots [n] at which their search begins, by multiplicative hashing."""
        return ((values * self._factor) >> self._shift).astype(np.int64)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Integers [n] of the table's type -> ids int32 [n]; 0 = unknown."""
        values = values.view(self._unsigned)
        slots = self._slots(values)
        ids = self._ids[slots]
        rest = np.flatnonzero((self._values[slots] != values) & (ids != 0))
        while len(rest):
            slots[rest] = (slots[rest] + 1) & self._last
            at = slots[rest]
            ids[rest] = self._ids[at]
            rest = rest[(self._values[at] != values[rest]) & (ids[rest] != 0)]
        return ids


class TextTable:
    """A table from texts to ids."""

    def __init__(self, values: pl.Series, first_id: int):
        """Distinct `values` get the ids `first_id`, `first_id + 1`, ...; `first_id` is at least 1."""
        self._enum = pl.Enum(values)
        self._first_id = first_id

    def __call__(self, values: pl.Series) -> np.ndarray:
        """Texts [n] -> ids int32 [n]; 0 = unknown or null."""
        numbers = values.cast(self._enum, strict=False).to_physical().cast(pl.Int32) + self._first_id
        return numbers.fill_null(0).to_numpy().astype(np.int32)


class ValueTable:
    """A table from values of one type to ids, in which missing and unknown values have ids, too."""

    def __init__(self, values: pl.Series, *, first_id: int, unknown_id: int, missing_id: int):
        """Distinct `values` get the ids from `first_id` on, null gets `missing_id`, and all others get `unknown_id`.

        If `missing_id` lies among the ids of values, these leave it out.
        """
        self._unknown_id, self._missing_id = np.int32(unknown_id), np.int32(missing_id)
        self._is_among = missing_id >= first_id
        self._table: TextTable | IntegerTable
        if values.dtype == pl.String:
            self._table = TextTable(values, first_id)
        else:
            self._table = IntegerTable(values.to_numpy(), first_id)

    def __call__(self, values: pl.Series) -> tuple[np.ndarray, np.ndarray]:
        """Values [n] -> ids int32 [n], and which of the values are there but unknown, bool [n]."""
        if isinstance(self._table, TextTable):
            ids = self._table(values)
        else:
            ids = self._table(values.fill_null(0).to_numpy() if values.null_count() else values.to_numpy())
        unknown = ids == 0
        if self._is_among:
            ids += ids >= self._missing_id
        if values.null_count():
            missing = values.is_null().to_numpy()
            unknown &= ~missing
            ids *= ~missing  # products and sums, because assignment by a mask takes twice the time
            ids += self._missing_id * missing
        ids += self._unknown_id * unknown
        return ids, unknown
