"""Nothing is scored wrongly in silence: what is wrong with an input is said, and rows keep their places."""

import errno
import io
import sys
import tempfile

import polars as pl
import pytest
from full_disks import file_limit, sentence_without_room
from scoring_cases import prepared_own, scored, trained

from autoint_jax import exits
from autoint_jax.data.datasets.row_encoder import RowEncoder
from autoint_jax.errors import UsageError
from autoint_jax.scoring import inputs, output

DECLARATION = """
files: log.csv
label: y
split: {column: {name: part, train: [a], valid: [b], test: [c]}}
fields:
- {name: user}
- {name: size, kind: numeric, transform: standard}
- {name: tags, kind: multivalued, separator: "+"}
"""
HEADER = 'user,size,tags,y,part\n'


@pytest.fixture(scope='module')
def run(tmp_path_factory, quick_compilation):
    folder = tmp_path_factory.mktemp('log')
    rows = [
        f'0{row % 7},{row % 5}.5,{"r+g" if row % 3 else "b"},{row // 4 % 2},{"aabc"[row % 4]}\n' for row in range(96)
    ]
    (folder / 'log.csv').write_text(HEADER + ''.join(rows))
    (folder / 'log.yaml').write_text(DECLARATION)
    return trained(folder, prepared_own(folder, folder / 'log.yaml'))


def wrote(folder, content, name='new.csv'):
    path = folder / 'in' / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


REFUSED = {
    'a missing column': ('user,tags\n01,r\n', r"new.csv has no column 'size', which the run needs; it has: user, tags"),
    'a misspelled column': ('user,siz,tags\n', r"no column 'size' \(did you mean 'siz'\?\)"),
    'no names': ('01,1.5,r\n02,1.5,r\n', r"no column 'user', which the run needs; it has: 01, 1.5, r"),
    'nothing': ('', 'is empty: its first line must hold the names of the columns'),
    'two columns of a name': ('user,size,size,tags\n01,1,2,r\n', r"has two columns named 'size': rename one"),
    'an open quote': ('user,size,tags\n"01,1,r\n', 'opens a quote " that is not closed'),
    'an infinite number': ('user,size,tags\n' + '01,inf,r\n' * 3, r"holds 'inf', which is infinite"),
    'words for numbers': (
        'user,size,tags\n' + '01,much,r\n' * 3,
        r"3 of 3 rows .*column 'size' holds 'much', not a num",
    ),
    'no row that can be parsed': ('user,size,tags\n01,much,r\n', r"no row of the input could be parsed.*holds 'much'"),
    'bytes of no encoding': (b'user,size,tags\n\xff\xfe\xfa,1,r\n', 'UTF-8|UTF-16'),
}


@pytest.mark.parametrize('content, sentence', REFUSED.values(), ids=REFUSED)
def test_wrong_inputs_are_refused_and_leave_no_file(run, tmp_path, content, sentence):
    with pytest.raises(UsageError, match=sentence):
        scored(run, wrote(tmp_path, content))
    assert [path.name for path in tmp_path.iterdir()] == ['in']


def test_parquet_types_that_change_values_are_refused(run, tmp_path):
    (tmp_path / 'in').mkdir()
    path = tmp_path / 'in' / 'new.parquet'
    for user, sentence in (
        (1, "numbers of .*values with leading zeros, like '00'"),
        (1.0, r'numbers of type Float64, whose text is like 7\.0'),
        (True, 'truth values, which are read as the texts true and false, but the run knows'),
    ):
        pl.DataFrame({'user': [user], 'size': [1.5], 'tags': ['r']}).write_parquet(path)
        with pytest.raises(UsageError, match=f"column 'user' holds {sentence}"):
            scored(run, path)
    pl.DataFrame({'user': ['01'], 'size': [1], 'tags': [['r', 'g']]}).write_parquet(path)
    as_text = scored(run, wrote(tmp_path, 'user,size,tags\n01,1,r+g\n')).table
    assert scored(run, path).table['logit'].to_list() == as_text['logit'].to_list()


def test_no_rows_are_an_empty_file_of_scores(run, tmp_path):
    for name in ('scores.parquet', 'scores.csv'):
        table = scored(run, wrote(tmp_path, 'user,size,tags\n'), keep=['user'], output=name).table
        assert table.height == 0 and table.columns == ['row', 'user', 'label', 'logit', 'probability']


def test_bad_rows_keep_their_places_and_have_no_score(run, tmp_path):
    good = ['01,1.5,r', '02,nan,r+g', '3,,', '"0""4",1e2,b']
    wanted = scored(run, wrote(tmp_path, '\n'.join(['user,size,tags', *good, '']))).table
    lines = [good[0], '01,1.5', good[1], good[2], '', '01,x,r', good[3], '"a"b,1,r']
    found = scored(run, wrote(tmp_path, '\n'.join(['user,size,tags', *lines])), ['user'], 0.5)
    table, places = found.table, [0, 2, 3, 5]
    assert table.height == 7 and table['logit'][places].to_list() == wanted['logit'].to_list()
    assert table['user'].to_list() == ['01', None, '02', '3', None, '0"4', None]
    assert table['logit'].is_null().to_list() == [row not in places for row in range(7)]
    assert found.predictor.bad.count == 3 and "column 'size' holds 'x'" in ' '.join(found.predictor.bad.lines())


def test_labels_that_are_not_allowed_are_no_labels(run, tmp_path):
    found = scored(run, wrote(tmp_path, 'user,size,tags,y\n01,1,r,1\n01,1,r,\n01,1,r,maybe\n02,1,r,0\n'))
    assert found.table['label'].to_list() == [1, None, None, 0] and found.predictor.figures.rows == 2
    assert found.table['logit'].null_count() == 0
    assert found.predictor.without_label() == (
        "the figures leave out 2 rows without a label ('y'), or with one that is not allowed"
    )
    assert (
        'leave out 1 row without a label'
        in scored(run, wrote(tmp_path, HEADER + '01,1,r,yes,a\n')).predictor.without_label()
    )
    assert scored(run, wrote(tmp_path, 'user,size,tags\n01,1,r\n')).predictor.without_label() == ''


def test_unknown_values_are_counted_and_the_most_frequent_are_named(run, tmp_path):
    rows = 4 * ['new,1,r', 'new,1,x+y+r', '00,1,y+y', '1,1,', '01,1,r']
    encoder = scored(run, wrote(tmp_path, '\n'.join(['user,size,tags', *rows]))).predictor.encoder
    report = list(encoder.unseen.lines(20, encoder.usual))
    assert report[1:3] == [
        "  user: 12 rows (60.0%); most often 'new' (8), '1' (4)",
        "  tags: 8 rows (40.0%); most often 'y' (12), 'x' (4)",
    ]
    assert len(report) == 4 and 'than training rows had, in user (60.0%): are they written' in report[3]
    assert len(list(encoder.unseen.lines(20, {'user': 0.55}))) == 3  # as in training


def test_a_folder_is_read_in_the_order_of_names(run, tmp_path):
    for name, user in (('b.csv', '02'), ('a.tsv', '01'), ('notes.md', ''), ('.hidden.csv', '')):
        separator = '\t' if name == 'a.tsv' else ','
        wrote(tmp_path, separator.join(['user', 'size', 'tags\n']) + separator.join([user, '1', 'r\n']), name)
    assert scored(run, tmp_path / 'in', ['user']).table['user'].to_list() == ['01', '02']
    with inputs.input_files(str(tmp_path / 'in'), RowEncoder(run.data).plan) as files:
        assert files.left_out == ['notes.md']
    (tmp_path / 'none').mkdir()
    with pytest.raises(UsageError, match='is a folder without a file whose name ends in .csv'):
        scored(run, tmp_path / 'none')


GOOD = ('01,1.5,r', '02,2.5,r+g')
FORMS = {
    'carriage returns': '\r'.join(('user,size,tags', *GOOD, '')).encode(),
    'UTF-16': '\n'.join(('user,size,tags', *GOOD)).encode('utf-16'),
    'blanks': b' user , size ,tags\n 01 , 1.5 , r\n02,+2.50, r+g \n',
    'an exponent': b'user;size;tags\n01;15e-1;r\n02;2.5;r+g\n',
}


@pytest.mark.parametrize('content', FORMS.values(), ids=FORMS)
def test_other_forms_of_the_same_rows_score_alike(run, tmp_path, content):
    wanted = scored(run, wrote(tmp_path, '\n'.join(('user,size,tags', *GOOD)))).table
    assert wanted['logit'].n_unique() == 2 and scored(run, wrote(tmp_path, content)).table.equals(wanted)


def test_lines_of_ten_megabytes_keep_their_places(run, tmp_path):
    """One is a row whose user is unknown, one has too few columns; the rows around them score as alone."""
    wanted = scored(run, wrote(tmp_path, '\n'.join(('user,size,tags', 'new,1,r', *GOOD)))).table['logit'].to_list()
    long = 'x' * 10_000_000
    found = scored(run, wrote(tmp_path, '\n'.join(('user,size,tags', f'{long},1,r', GOOD[0], long, GOOD[1]))))
    assert found.table['logit'].to_list() == [*wanted[:2], None, wanted[2]]
    (line,) = found.predictor.bad.lines()
    assert 'line 4: it has 1 column, not 3: xxx' in line and len(line) < 500


def test_words_that_are_no_numbers_have_no_score(run, tmp_path):
    rows = [f'01,{word},r' for word in ('1_000', '0x10', '"1,5"', '1d2', 'NA', 'null', '-inf', '1e999', '\0')]
    found = scored(run, wrote(tmp_path, '\n'.join(('user,size,tags', *rows, '01,nan,r', '01,,r'))), max_bad_share=1.0)
    assert found.table['logit'].null_count() == len(rows)
    assert found.table['logit'][-1] == found.table['logit'][-2]


def test_a_column_of_other_types_in_another_file_is_refused(run, tmp_path):
    (tmp_path / 'in').mkdir()
    pl.DataFrame({'user': ['01'], 'size': [1.5], 'tags': ['r']}).write_parquet(tmp_path / 'in' / 'a.parquet')
    pl.DataFrame({'user': [1], 'size': [1.5], 'tags': ['r']}).write_parquet(tmp_path / 'in' / 'b.parquet')
    with pytest.raises(UsageError, match=r"b\.parquet: column 'user' holds numbers of type Int64, but the run knows"):
        scored(run, tmp_path / 'in')


def test_names_of_kept_columns(run, tmp_path):
    path = wrote(tmp_path, 'user,size,tags,row\n01,1,r,7\n')
    with pytest.raises(UsageError, match="no column 'usr' .*did you mean 'user'.*, that --keep names"):
        scored(run, path, ['usr'])
    with pytest.raises(UsageError, match='--keep=row has the name of a column of the scores'):
        scored(run, path, ['row'])


def test_standard_input_may_be_packed(monkeypatch, tmp_path):
    for content, suffix in ((b'a,b\n', '.txt'), (b'PAR1...', '.parquet'), (b'\x1f\x8b...', '.gz')):
        monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO(content)))
        with inputs.input_files('-', None) as files:
            (path,) = files.paths
            assert path.suffix == suffix and path.read_bytes() == content
        assert not path.exists()


@pytest.mark.parametrize('name', ['s.csv', 's.parquet'])
def test_a_full_disk_leaves_no_file_and_names_it(tmp_path, name):
    rows = pl.DataFrame({'row': [number * 0.1 for number in range(10_000)]})
    with file_limit(4096), pytest.raises(OSError) as raised:
        with output.scores_file(str(tmp_path / name), rows.clear()) as write:
            write(rows)
    assert raised.value.errno == errno.EFBIG and name in raised.value.filename and list(tmp_path.iterdir()) == []


def test_standard_input_without_room_is_one_sentence_and_leaves_no_copy(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO(b'a,b\n' * 5000)))
    sentence = sentence_without_room(tmp_path, inputs.input_files('-', None))
    assert sentence.startswith(f'there is no room for a copy of standard input in {tmp_path}')
    assert 'let the variable TMPDIR name a folder with more' in sentence


def test_standard_input_that_cannot_be_read_is_named(monkeypatch):
    class Refusing(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise OSError(errno.EIO, 'Input/output error')

    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BufferedReader(Refusing())))
    with pytest.raises(OSError) as raised, inputs.input_files('-', None):
        pass
    assert exits.described(raised.value)[0].startswith('standard input: the disk failed to read')


@pytest.mark.parametrize('name', ['s.csv', 's.parquet'])
def test_a_file_of_scores_appears_when_it_is_whole(tmp_path, monkeypatch, name):
    monkeypatch.setattr(output, 'PART_ROWS', 2)
    target, rows = tmp_path / name, pl.DataFrame({'row': [0, 1, 2]})
    target.write_text('old')
    with pytest.raises(KeyboardInterrupt):
        with output.scores_file(str(target), rows.clear()) as write:
            write(rows)
            found = sorted(path.name for path in tmp_path.iterdir())
            assert found[0] == name and found[1].startswith(f'{name}.unfinished-') and len(found) == 2
            raise KeyboardInterrupt
    assert target.read_text() == 'old' and [path.name for path in tmp_path.iterdir()] == [name]
    with output.scores_file(str(target), rows.clear()) as write:
        for number in range(3):
            write(rows.with_columns(row=pl.col('row') + 3 * number))
    read = pl.read_csv if name == 's.csv' else pl.read_parquet
    assert read(target)['row'].to_list() == list(range(9)) and [path.name for path in tmp_path.iterdir()] == [name]
