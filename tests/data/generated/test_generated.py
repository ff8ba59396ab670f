"""Generated files: seeded, long-tailed, in the shapes of the originals, and with something to learn."""

import collections

import numpy as np
import pytest
from naive_tables import read

from autoint_jax.data.datasets.bars_tables import COLUMNS
from autoint_jax.data.datasets.movielens_files import read_1m
from autoint_jax.data.generated import bars_tables, shapes
from autoint_jax.data.generated.cells import blanked, digits, fractions, hexadecimal, lines, words
from autoint_jax.data.generated.values import attribute, planted_labels, scrambled, zipf
from autoint_jax.reproduction.bars import ROWS


def test_cells_are_what_python_prints():
    rng = np.random.default_rng(1)
    for values in (
        np.array([0, 7, 10, 99, 100, 2**63 - 1]),
        np.array([-1, 0, -250, 12]),
        rng.integers(-999, 10**9, 503),
        np.array([2**64 - 1, 0, 10**19], np.uint64),
        np.array([0]),
    ):
        text = lines([digits(values), blanked(digits(values), values % 2 == 0)], ',').decode().splitlines()
        assert text == [f'{value},{value if value % 2 else ""}' for value in values.tolist()]
    values = np.array([0, 1, 0xDEADBEEF, 2**32 - 1], np.uint32)
    assert lines([hexadecimal(values), words(('a', 'bcd'), np.array([0, 1, 1, 0]))], '::').decode().splitlines() == [
        f'{value:08x}::{word}' for value, word in zip(values.tolist(), ('a', 'bcd', 'bcd', 'a'), strict=True)
    ]
    numbers = np.array([0, 1e-6, 0.1234564, 0.25, 1])
    assert lines([fractions(numbers)], ',').decode().splitlines() == [f'{value:.6f}' for value in numbers.tolist()]


def test_scrambling_is_one_to_one():
    assert len(np.unique(scrambled(np.arange(200_000), 5))) == 200_000


@pytest.mark.parametrize('name', shapes.SHAPES)
def test_files_are_a_function_of_the_seed(name, tmp_path):
    texts = [
        [path.read_bytes() for path in shapes.SHAPES[name](tmp_path / str(number), 3001, seed)]
        for number, seed in enumerate((1, 1, 2))
    ]
    assert texts[0] == texts[1] != texts[2]
    assert sorted(path.name for path in (tmp_path / '0').iterdir()) == sorted(shapes.FILES[name])


@pytest.mark.parametrize(
    'name, file, separator, header, width',
    [
        ('criteo', 'train.txt', '\t', False, 40),
        ('avazu', 'train.csv', ',', True, 24),
        ('kdd12', 'training.txt', '\t', False, 12),
        ('kdd12', 'userid_profile.txt', '\t', False, 3),
    ],
)
def test_files_have_the_shape_of_the_originals(tmp_path, name, file, separator, header, width):
    shapes.SHAPES[name](tmp_path, 3001, 3)
    rows = read(tmp_path / file, separator, header)
    assert {len(row) for row in rows} == {width}
    assert len(rows) == (1500 if 'profile' in file else 3001)


@pytest.mark.parametrize(
    'name, shape, values',
    [
        ('frappe_x1', bars_tables.FRAPPE, 5_382),
        ('criteo_x1', bars_tables.CRITEO, 2_086_276),
        ('avazu_x1', bars_tables.AVAZU, 1_298_577),
    ],
)
def test_tables_of_bars_have_its_columns_splits_and_values(tmp_path, name, shape, values):
    assert shape.rows == tuple(rows for rows, _ in ROWS[name].values()) and sum(shape.sizes.values()) == values
    shapes.SHAPES[name](tmp_path, 3001, 3)
    numeric, categorical = COLUMNS[name]
    counts = []
    for split in ('train', 'valid', 'test'):
        header, *rows = [line.split(',') for line in (tmp_path / f'{split}.csv').read_text().splitlines()]
        assert header == ['label', *numeric, *categorical]
        counts.append(len(rows))
        cells = np.array(rows, np.float64)
        assert set(cells[:, 0]) == {0, 1} and (cells[:, 1 : 1 + len(numeric)] <= 1).all()
        first = np.cumsum([shape.first_id, *shape.sizes.values()])
        ids = cells[:, 1 + len(numeric) :]
        assert (ids >= first[:-1]).all() and (ids < first[1:]).all()
    shares = np.array(shape.rows) / sum(shape.rows)
    assert sum(counts) == 3001 and np.allclose(np.array(counts) / 3001, shares, atol=5e-4)


def test_movielens_files_are_read(tmp_path):
    shapes.movielens_1m(tmp_path, 3001, 3)
    assert len(read_1m(tmp_path).ratings) == 3001


def test_values_have_a_long_tail():
    counts = collections.Counter(zipf(np.random.default_rng(1), 1_000_000, 100_000).tolist())
    assert max(counts) < 1_000_000 and counts[0] > 3000
    assert 20_000 < len(counts) < 60_000 and sum(count == 1 for count in counts.values()) > len(counts) / 2


def test_labels_depend_on_pairs_and_not_on_single_fields():
    rng = np.random.default_rng(2)
    one, other = rng.integers(0, 997, 200_000), rng.integers(0, 997, 200_000)
    labels = planted_labels(rng, [(one, other)], rate=0.3, strength=1.0, single=0.0)
    product = attribute(one, 0) * attribute(other, 1)
    assert labels[product > 0].mean() - labels[product < 0].mean() > 0.3
    for ranks, salt in ((one, 0), (other, 1)):
        values = attribute(ranks, salt)
        assert abs(labels[values > 0].mean() - labels[values < 0].mean()) < 0.05
