"""Generated days: seeded, with new users and items each day, and with effects that drift."""

import polars as pl

from autoint_jax.data.generated import days


def test_a_day_is_a_function_of_its_number_and_the_seed(tmp_path):
    texts = [days.day(tmp_path / name, number, 500, seed).read_bytes() for name, number, seed in (
        ('a', 2, 1), ('b', 2, 1), ('c', 3, 1), ('d', 2, 2))]  # fmt: skip
    assert texts[0] == texts[1] and len(set(texts)) == 3


def test_each_day_has_new_values_and_other_effects(tmp_path):
    frames = [pl.read_csv(days.day(tmp_path, number, 60_000, 0)) for number in (1, 2, 5)]
    for frame, number in zip(frames, (1, 2, 5), strict=True):
        assert frame.columns == list(days.COLUMNS)
        assert frame['user'].max() == days.USERS + days.NEW_USERS * (number - 1) - 1
        assert frame['item'].max() == days.ITEMS + days.NEW_ITEMS * (number - 1) - 1
    recent = [(frame['user'] >= days.USERS).mean() for frame in frames]
    assert recent[0] == 0 and abs(recent[1] - days.RECENT_SHARE) < 0.01 and abs(recent[2] - days.RECENT_SHARE) < 0.01
    # Item 0: its effect is 0.5 sin(2 pi day / 14), 0.22 on the first day and 0.39 on the fifth.
    rates = [frame.filter(pl.col('item') == 0)['click'].mean() for frame in frames]
    assert rates[2] - rates[0] > 0.01
    assert 0.1 < frames[0]['click'].mean() < 0.5
