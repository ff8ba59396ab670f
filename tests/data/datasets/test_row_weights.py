"""Weights of rows and soft labels of own tables, from the declaration to prepared columns, and what is refused."""

import numpy as np
import pytest
from own_table_cases import prepare

from autoint_jax.data.datasets.row_encoder import encode_files
from autoint_jax.data.store.first_rows import write_first_rows
from autoint_jax.data.store.opening import open_folder
from autoint_jax.errors import UsageError

SPLIT = 'split: {column: {name: part, train: [a], valid: [b], test: [c]}}'
FIELDS = 'fields: [{name: city}]'
WEIGHTED = 'label: {column: p, soft: true, above: 0.3}\nweight: w'
ROWS = [f'{0.1 * number:.1f},{number + 0.5},{"abc"[number % 3]},x{number}' for number in range(11)]


def declared(folder, rows=ROWS, keys=WEIGHTED):
    """The declaration of a table with soft labels p, weights w, a split and a city; it takes all of ROWS."""
    (folder / 't.csv').write_text('\n'.join(['p,w,part,city', *rows]) + '\n')
    path = folder / 'mine.yaml'
    path.write_text(f'files: t.csv\n{keys}\n{SPLIT}\n{FIELDS}\n')
    return path


def test_weights_and_soft_labels_stand_beside_the_labels(tmp_path):
    data = prepare(declared(tmp_path))
    assert data.schema.row_columns == ('row_weights', 'soft_labels')
    for place, split in enumerate(('train', 'valid', 'test')):
        rows, columns = np.arange(place, 11, 3), data.split(split)
        np.testing.assert_array_equal(columns.row_weights, (rows + 0.5).astype(np.float32))
        np.testing.assert_array_equal(columns.soft_labels, (rows / 10).astype(np.float32))
        np.testing.assert_array_equal(columns.labels, (rows > 3).astype(np.float32))
    write_first_rows(data, 2, tmp_path / 'first')
    first = open_folder(tmp_path / 'first').split('valid')
    np.testing.assert_array_equal(first.row_weights, np.float32([1.5, 4.5]))
    encoded = encode_files(data, [tmp_path / 't.csv']).columns
    np.testing.assert_array_equal(encoded.labels, (np.arange(11) > 3).astype(np.float32))
    (tmp_path / 'new.csv').write_text('city\nx1\n')  # new rows need neither weights nor labels
    assert encode_files(data, [tmp_path / 'new.csv']).columns.ids.shape == (1, 1)


def test_a_soft_label_above_one_half_is_positive_unless_said_otherwise(tmp_path):
    data = prepare(declared(tmp_path, keys='label: {column: p, soft: true}'))
    assert data.schema.row_columns == ('soft_labels',) and data.split('train').row_weights is None
    assert data.split('train').labels.tolist() == [0, 0, 1, 1]  # 0, 0.3, 0.6 and 0.9


@pytest.mark.parametrize(
    'cell, said',
    [('-1', "is '-1'"), ('', 'is missing'), ('nan', "is 'nan'"), ('inf', "is 'inf', and must be a finite number")],
)
def test_a_wrong_weight_names_its_row(tmp_path, cell, said):
    path = declared(tmp_path, [*ROWS, f'0.5,{cell},a,x'])
    with pytest.raises(UsageError, match=rf"t.csv line 13: its weight, column 'w', {said}"):
        prepare(path, max_bad_share=0)


@pytest.mark.parametrize(
    'keys, rows, said',
    [
        (WEIGHTED, ['1.5,1,a,x'], "its label, column 'p', is '1.5', and a soft label is a number from 0 to 1"),
        ('label: {column: p, above: 0.3}\nweight: p', [], "both name column 'p'"),
        ('label: {column: p, soft: true, positive: ["1"]}', [], 'soft labels are numbers'),
        ('label: {column: p, soft: true, above: 1}', [], 'from 0 on and below 1'),
        ('label: {column: p, above: 0.3}\nweight: v', [], "uses column 'v', which"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path, keys, rows, said):
    with pytest.raises(UsageError, match=said):
        prepare(declared(tmp_path, [*ROWS, *rows], keys), max_bad_share=0)


def test_a_split_whose_weights_are_all_zero_is_refused(tmp_path):
    rows = [row.replace(row.split(',')[1], '0') if ',b,' in row else row for row in ROWS]
    with pytest.raises(UsageError, match=r"column 'w', are 0 in all rows of the split valid"):
        prepare(declared(tmp_path, rows))


def test_changed_weights_and_soft_labels_name_their_row(tmp_path):
    data = prepare(declared(tmp_path))
    for name, value in (('row_weights', -1), ('soft_labels', 2)):
        path = data.folder / 'train' / f'{name}.npy'
        before = np.load(path)[2]
        np.load(path, mmap_mode='r+')[2] = value
        with pytest.raises(UsageError, match=rf'{name}.npy row 2 has the .* {value}.0'):
            data.split('train')
        np.load(path, mmap_mode='r+')[2] = before
