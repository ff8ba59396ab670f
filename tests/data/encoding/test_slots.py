"""Slots of multivalued fields: counted over all fitted rows, and said where a few long rows make all others costly."""

import numpy as np
import pytest

from autoint_jax.data.encoding.slots import slots_of
from autoint_jax.errors import UsageError


def test_slots_are_those_of_the_longest_row():
    assert slots_of('tags', [np.array([1, 0, 3]), np.array([2, 2, 2, 2, 0]), np.array([1])], 9) == (3, '')
    assert slots_of('tags', [np.array([0, 0])], 2) == (1, '') and slots_of('tags', [], 2) == (1, '')


def test_one_long_row_is_said_with_what_it_costs_and_what_would_do():
    lengths = np.append(np.full(9_999, 7), 5_000)
    lengths[:1000] = 2
    count, note = slots_of('tags', [lengths[:5000], lengths[5000:]], 12_000)
    assert count == 5000
    assert note.startswith(
        "field 'tags' takes 5,000 slots in every row, as many as its longest row has values, 240.0 MB in all; "
    )
    assert note.endswith(
        '99.9% of the rows with values have at most 7: max_values: 7 in the declaration takes 0.3 MB and keeps '
        'the first 7 of each row'
    )
    assert slots_of('tags', [np.array([1] * 2000 + [4])], 10)[1]  # cheap, and far longer
    assert not slots_of('tags', [np.array([1] * 2000 + [3])], 10)[1]
    assert not slots_of('tags', [np.full(2000, 300)], 10**6)[1]  # all are long: nothing would do with less


def test_more_slots_than_a_row_may_have_are_refused():
    with pytest.raises(
        UsageError, match="field 'tags' has a row with 20,000 values, .* 10,000 at most; 99.9% .* max_values: 3 in the"
    ):
        slots_of('tags', [np.array([3] * 5000 + [20_000])], 6000)


def test_of_few_rows_the_longest_is_no_usual_one():
    """The offered number of slots can be declared. It leaves out the longest row if there is another."""
    with pytest.raises(
        UsageError, match='239 of 240 rows with values have at most 2: max_values: 2 in the declaration keeps'
    ):
        slots_of('tags', [np.array([2] * 239 + [20_000])], 300)
    with pytest.raises(
        UsageError, match='180 of 200 rows with values have at most 3: max_values: 3 in the declaration keeps'
    ):
        slots_of('tags', [np.array([3] * 180 + [20_000] * 20)], 300)
    with pytest.raises(
        UsageError, match='10,000 at most; max_values: 10000 in the declaration keeps the first 10000 of each row'
    ):
        slots_of('tags', [np.array([20_000])], 1)
    assert slots_of('tags', [np.array([3, 3])], 2) == (3, '')
    assert slots_of('tags', [np.array([1, 1, 1, 9])], 4) == (9, '')  # nothing to speak of
    assert '3 of 4 rows with values have at most 1' in slots_of('tags', [np.array([1, 1, 1, 9000])], 40).note
