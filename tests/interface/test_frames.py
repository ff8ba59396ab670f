"""Rows of Python programs become the same columns whatever holds them, or are refused by name."""

import tempfile

import pandas
import polars as pl
import pytest
from full_disks import sentence_without_room

from autoint_jax.errors import UsageError
from autoint_jax.interface.frames import files_of, frame_of


class PandasStandIn:
    """The methods of a pandas frame that are used; a test with pandas itself runs where it is installed."""

    def __init__(self, columns, rows, missing):
        self.columns, self._rows, self._missing = columns, rows, missing

    def __len__(self):
        return len(self._rows)

    def notna(self):
        return [[value not in self._missing for value in row] for row in self._rows]

    def astype(self, kind):
        assert kind is object
        return self

    def where(self, kept, other):
        rows = [
            [value if there else other for value, there in zip(*pair, strict=True)]
            for pair in zip(self._rows, kept, strict=True)
        ]
        return PandasStandIn(self.columns, rows, self._missing)

    def to_dict(self, form):
        assert form == 'records'
        return [dict(zip(self.columns, row, strict=True)) for row in self._rows]


WANTED = pl.DataFrame({'user': ['007', None], 'size': [1.5, None], 'n': [3, 4]})


def test_frames_and_dictionaries_are_the_same_columns():
    missing = float('nan')
    frame = PandasStandIn(['user', 'size', 'n'], [['007', 1.5, 3], [missing, missing, 4]], [missing])
    rows = [{'user': '007', 'size': 1.5, 'n': 3}, {'n': 4}]
    for given in (WANTED, frame, rows):
        assert frame_of(given).equals(WANTED)
    assert frame_of([{'n': 1}, {'n': 2.5}, {'n': None}])['n'].to_list() == [1.0, 2.5, None]
    assert frame_of([{'n': ['a', 'b']}, {'n': []}])['n'].to_list() == [['a', 'b'], []]
    assert frame_of(PandasStandIn(['user'], [], [])).schema == {'user': pl.String()}


REFUSED = {
    'texts and numbers': ([{'n': 1}, {'n': 'x'}], "the column 'n' holds values of the type int and str, which are no"),
    'a number too large': ([{'n': 1}, {'n': 2**200}], "the column 'n' holds values of the type int"),
    'no rows': ([], 'rows of type list cannot be scored'),
    'a number': (7, 'rows of type int cannot be scored: pass a frame'),
    'rows of lists': ([[1, 2]], 'rows of type list cannot be scored'),
    'a name that is no text': (PandasStandIn([0], [[1]], []), 'the column 0 of the frame must have a name of its own'),
    'a name twice': (
        PandasStandIn(['a', 'a'], [[1, 2]], []),
        "the column 'a' of the frame must have a name of its own",
    ),
}


@pytest.mark.parametrize('rows, sentence', REFUSED.values(), ids=REFUSED)
def test_other_rows_are_refused(rows, sentence):
    with pytest.raises(UsageError, match=sentence):
        frame_of(rows)


def test_frames_of_pandas_itself():
    frame = pandas.DataFrame({'user': ['007', None], 'size': [1.5, float('nan')], 'n': [3, 4]})
    assert frame_of(frame).equals(WANTED)
    nullable = frame.convert_dtypes().assign(user=frame['user'].astype('category'))
    assert frame_of(nullable).equals(WANTED)
    whole = pandas.DataFrame({'n': pandas.array([1, None], 'Int64')})
    assert frame_of(whole)['n'].to_list() == [1, None] and frame_of(whole)['n'].dtype == pl.Int64
    with pytest.raises(UsageError, match="the column 'n' of the frame must have a name of its own"):
        frame_of(pandas.concat([whole, whole], axis=1))


def test_rows_without_room_for_their_copy_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    sentence = sentence_without_room(tmp_path, files_of(pl.DataFrame({'n': range(100_000)}), None))
    assert sentence.startswith(f'there is no room for a copy of the rows in {tmp_path}')
    assert 'let the variable TMPDIR name a folder with more, or pass fewer rows at once' in sentence


def test_no_folder_for_temporary_files_is_one_sentence(monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', None)
    monkeypatch.setattr(tempfile, '_candidate_tempdir_list', lambda: ['/dev/full'])
    with pytest.raises(UsageError, match='no room for a copy of the rows in any folder .*No usable temporary.*TMPDIR'):
        with files_of(WANTED, None):
            pass
