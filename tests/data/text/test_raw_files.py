"""One table in files of many forms is prepared to the same data; what differs in the rows is told."""

import gzip
import io
import random
import zipfile

import polars as pl
import pytest
from backports import zstd
from heard import Heard

from autoint_jax.data.datasets.own_table import prepare_own
from autoint_jax.data.datasets.row_encoder import encode_files
from autoint_jax.errors import UsageError

NAMES = ['y', 'city', 'price', 'tags']
FIELDS = (
    'label: y\nfields:\n- {name: city}\n- {name: price, kind: numeric, transform: standard}\n'
    '- {name: tags, kind: multivalued, separator: "|"}\n'
)


def rows():
    rng = random.Random(5)
    return [
        [
            rng.choice('01'),
            rng.choice(['Zürich', 'Genève', 'Bern', '']),
            f'{rng.random() * 5000:.2f}',
            '|'.join(rng.sample(['a', 'b', 'c'], rng.randint(0, 2))),
        ]
        for _ in range(211)
    ]


def prepare(folder, name, declaration, **options):
    (folder / 'mine.yaml').write_text(f'files: ["{name}"]\n{declaration}{FIELDS}', encoding='utf-8')
    heard = Heard()
    data = prepare_own(
        folder / 'mine.yaml',
        None,
        folder / 'out' / name,
        dataset='csv',
        recipe='mine',
        progress=heard,
        **{'max_bad_share': 0.001, **options},
    )
    return data, heard.sentences


def text(separator=',', end='\n', quote='', change=lambda value: value):
    return ''.join(separator.join(quote + change(value) + quote for value in row) + end for row in [NAMES, *rows()])


def zipped(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('t.csv', content)
    return file.getvalue()


FORMS = {
    't.csv': ('', text().encode()),
    'quoted.csv': ('', text(quote='"').encode()),
    'blanks.csv': ('', text(separator=' , ', quote='"').encode()),
    'apostrophes.csv': ('quote: "\'"\n', text(quote="'").encode()),
    'windows.csv': ('encoding: cp1252\n', text(end='\r\n').encode('cp1252')),
    'latin.csv.gz': ('encoding: latin-1\n', gzip.compress(text().encode('latin-1'))),
    'marked.csv': ('', text().encode('utf-8-sig')),
    'utf16.csv': ('', text().encode('utf-16')),
    'mac.csv': ('', text(end='\r').encode()),
    'tabs.tsv': ('', text(separator='\t').encode()),
    'colons.csv': ('separator: "::"\n', text(separator='::').encode()),
    'semicolons.csv.zst': (
        'separator: ";"\ndecimal: ","\n',
        zstd.compress(text(separator=';', change=lambda value: value.replace('.', ',')).encode()),
    ),
    'zipped.csv.zip': ('', zipped(text())),
    'sparse.csv': ('', '\n\n'.join(text().split('\n')).encode()),
}


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp('plain')
    (folder / 't.csv').write_text(text())
    return prepare(folder, 't.csv', '')[0]


@pytest.mark.parametrize('name', FORMS)
def test_one_table_in_many_forms(tmp_path, plain, name):
    declaration, content = FORMS[name]
    (tmp_path / name).write_bytes(content)
    data, said = prepare(tmp_path, name, declaration)
    assert data.manifest['splits'] == plain.manifest['splits'] and data.manifest['bad_rows'] == 0
    assert data.manifest['vocabulary_sha256'] == plain.manifest['vocabulary_sha256']
    assert said[0].startswith(f'{name}: ') and ': 211 rows' in said[0]
    encoded = encode_files(data, [tmp_path / name])  # by the layout that is stored with the data
    assert len(encoded.columns) == 211 and not any(encoded.unknown.values()) and encoded.bad == []


def test_packed_files_have_the_checksum_of_what_they_hold(tmp_path):
    for name, content in (
        ('t.csv', text().encode()),
        ('t.csv.gz', gzip.compress(text().encode())),
        ('t.csv.zip', zipped(text())),
    ):
        (tmp_path / name).write_bytes(content)
    assert len({prepare(tmp_path, name, '')[0].hash for name in ('t.csv', 't.csv.gz', 't.csv.zip')}) == 1


def test_what_became_of_the_lines_is_said_and_kept(tmp_path, plain):
    lines = text().splitlines()
    lines[3:3] = ['', '1,"Bern\nand around",3.5,a', '1,Bern,inf,a', '1,Bern', '']
    (tmp_path / 't.csv').write_text('\n'.join(lines) + '\n')
    data, said = prepare(tmp_path, 't.csv', '')
    assert said[0] == (
        't.csv: 218 lines: 212 rows, further lines of rows 1, 2 bad rows, 2 blank lines or comments, '
        '1 line of column names'
    )
    assert said[1].startswith(
        f'WARNING: {tmp_path}/t.csv: 1 row with a quoted value that goes on over line ends (lines 5 to 6)'
    )
    assert data.preparation['files'] == [
        {'file': 't.csv', 'lines': 218, 'header': 1, 'rows': 212, 'bad': 2, 'blank': 2, 'spanning_rows': 1}
    ]
    assert 'Bern\nand around' in data.vocabularies()['city'].values
    assert plain.preparation['files'][0]['rows'] == 211 and 'files' not in plain.manifest


def test_infinities_are_missing_where_the_declaration_says_so(tmp_path):
    (tmp_path / 't.csv').write_text(text() + '1,Bern,inf,a\n1,Bern,-1e300,a\n')
    data, _ = prepare(tmp_path, 't.csv', 'infinite: missing\n')
    assert data.manifest['bad_rows'] == 0
    numbers = [value for split in ('train', 'valid', 'test') for value in data.split(split).numeric[:, 0].tolist()]
    assert sum(value != value for value in numbers) == 2 and len(numbers) == 213
    data, _ = prepare(tmp_path, 't.csv', '')
    assert [row['line'] for row in data.manifest['first_bad_rows']] == [213, 214]
    with pytest.raises(UsageError, match="2 of 213 rows .*column 'price' holds 'inf', which is infinite"):
        prepare(tmp_path, 't.csv', '', max_bad_share=0)


def test_bad_rows_of_the_first_file_are_some_of_about_so_many(tmp_path):
    for name in 'ab':
        (tmp_path / f'{name}.csv').write_text(text().replace('.', 'x'))
    with pytest.raises(UsageError, match='^at least 211 of about 422 rows .50.00%. cannot be parsed'):
        prepare(tmp_path, '[ab].csv', '')
    with pytest.raises(UsageError, match='^211 of 211 rows .100.00%. cannot be parsed'):
        prepare(tmp_path, 'a.csv', '')


def test_files_of_which_one_has_only_a_header(tmp_path):
    (tmp_path / 'a.csv').write_text(text())
    (tmp_path / 'b.csv').write_text(','.join(NAMES))
    data, said = prepare(tmp_path, '[ab].csv', '')
    assert said == [
        'a.csv: 212 lines: 211 rows, 1 line of column names',
        'b.csv: 1 line: 0 rows, 1 line of column names',
    ]
    assert sum(split['rows'] for split in data.manifest['splits'].values()) == 211


def test_parquet_gives_what_csv_gives(tmp_path, plain):
    frame = pl.DataFrame(rows(), NAMES, orient='row').with_columns(
        pl.col('y') == '1',
        pl.col('price').cast(pl.Decimal(10, 2)),
        pl.col('city').replace('', None).cast(pl.Categorical),
        pl.col('tags').str.split('|'),
    )
    (tmp_path / 'a=1').mkdir()
    for name in ('t.parquet', 't[1].parquet', 'a=1/t*.parquet'):
        frame.write_parquet(tmp_path / name)
        data, said = prepare(tmp_path, name, '')
        assert data.manifest['splits'] == plain.manifest['splits']
        assert said == [f'{name.removeprefix("a=1/")}: 211 lines: 211 rows']


@pytest.mark.parametrize(
    'content, message',
    [
        (text().replace('Bern', 'B\x00ern', 5), 'line 2: it has a NUL character: 1,B.*x00ern,.* .and lines'),
        (
            text(separator=';'),
            r"uses column 'city', which .*t.csv does not have; it has: y;city;price;tags .is the separator ','",
        ),
        (text().replace('y,city', 'y,"city', 1), 't.csv line 1 opens a quote'),
        (text() + '1,"Bern,1,a\n', 't.csv line 213 opens a quote " that is not closed'),
        (text().encode('latin-1'), 't.csv line .* which is not UTF-8: write encoding: latin-1'),
        (','.join(NAMES), 't.csv: there is no row to prepare'),
        ('\n \n', 't.csv is empty: it must begin with a line of column names'),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path, content, message):
    (tmp_path / 't.csv').write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=message):
        prepare(tmp_path, 't.csv', '')
    assert not (tmp_path / 'out' / 't.csv').exists()
