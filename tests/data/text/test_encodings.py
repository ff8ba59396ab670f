"""Files in any encoding, packed or not, are read. Damaged ones are refused with one sentence."""

import gzip
import random
import zipfile

import pytest
from text_cases import COLUMNS, CSV, pack, read, read_text

from autoint_jax.data.text.decoding import codec
from autoint_jax.data.text.first_rows import first_text
from autoint_jax.data.text.layout import Layout
from autoint_jax.errors import UsageError


def test_encodings(tmp_path):
    text = 'y,a,b,x\n0,Zürich,€,0.5\n'
    for encoding, declared in (
        ('cp1252', 'cp1252'),
        ('utf-16', 'utf-8'),
        ('utf-8-sig', 'latin-1'),
        ('utf-16-be', 'utf-16-be'),
    ):
        layout = Layout(COLUMNS, separator=',', header=True, encoding=declared)
        rows, bad, _ = read_text(tmp_path, text.encode(encoding), layout, block_bytes=7)
        assert (rows, bad) == ([(0, 'Zürich', '€', 0.5)], [])
        assert first_text(tmp_path / 'rows.csv', declared) == text


@pytest.mark.parametrize(
    'content, encoding, message',
    [
        (
            '0,Zürich,v,1\n'.encode('latin-1'),
            'utf-8',
            'rows.csv line 41 holds 0xfc, which is not UTF-8: write encoding: latin-1',
        ),
        (b'0,a\x81,v,1\n', 'cp1252', 'rows.csv line 41 holds 0x81, which is not CP1252: write another encoding'),
        ('0,ü,v,1\n'.encode(), 'ascii', 'rows.csv line 41 holds 0xc3'),
    ],
)
def test_bytes_of_another_encoding_are_named_with_their_line(tmp_path, content, encoding, message):
    for block_bytes in (10, 1 << 20):
        with pytest.raises(UsageError, match=message):
            read_text(
                tmp_path,
                b'0,u,v,0.5\n' * 40 + content,
                Layout(COLUMNS, separator=',', encoding=encoding),
                block_bytes=block_bytes,
            )


def test_a_utf_16_file_that_is_damaged(tmp_path):
    with pytest.raises(UsageError, match='line 2 holds .* which is not UTF-16-LE: the file is damaged there'):
        read_text(tmp_path, 'y,a,b,x\n0,u,v,1\n'.encode('utf-16')[:-1])
    with pytest.raises(UsageError, match='is not UTF-16: the file is damaged|cannot be read with encoding .utf-16.'):
        read_text(tmp_path, 'y,a,b,x\n0,u,v,1\n', Layout(COLUMNS, separator=',', encoding='utf-16'))
    for encoding, text in (('idna', 'y,a,b,x\n0,u,v,1\n'), ('unicode-escape', '0,\\ud800,v,1\n')):
        with pytest.raises(UsageError, match=f"cannot be read with encoding '{encoding}' .*write another encoding"):
            read_text(tmp_path, text, Layout(COLUMNS, separator=',', encoding=encoding))


def test_encodings_that_are_none(tmp_path):
    assert codec(tmp_path, 'UTF8') == codec(tmp_path, 'utf-8-sig') == 'utf-8'
    for name in ('latin-99', 'base64', 'rot13', 'utf-8\0', ''):
        with pytest.raises(UsageError, match='there is no encoding .*: write utf-8'):
            codec(tmp_path, name)
    with pytest.raises(UsageError, match='as UTF-16 has: write encoding: utf-16-le'):
        read_text(tmp_path, 'y,a,b,x\n0,u,v,1\n'.encode('utf-16-le'))


@pytest.mark.parametrize('suffix', ['.gz', '.zst', '.zip', '.GZ'])
def test_damaged_packed_files_are_named(tmp_path, suffix):
    path = tmp_path / f'rows.csv{suffix}'
    rng = random.Random(1)
    pack(path, b''.join(b'0,%x,v,1\n' % rng.getrandbits(400) for _ in range(3000)))
    whole = path.read_bytes()
    assert len(read(path, CSV)[0]) == 3000
    for content in (whole[:-200], whole[:5000] + b'????' + whole[5004:], b'0,u,v,1\n', b''):
        path.write_bytes(content)
        if content or suffix == '.zip':
            with pytest.raises(UsageError, match=f'rows.csv{suffix} is damaged'):
                read(path, CSV)


def test_zip_files_must_hold_one_file(tmp_path):
    with zipfile.ZipFile(tmp_path / 'rows.csv.zip', 'w') as archive:
        for name in ('a.csv', 'b.csv', '__MACOSX/._a.csv'):
            archive.writestr(name, '0,u,v,1\n')
    with pytest.raises(UsageError, match=r"holds 2 files \('a.csv', 'b.csv'\): it must hold exactly one"):
        read(tmp_path / 'rows.csv.zip', CSV)


def test_packed_files_under_other_names_are_named(tmp_path):
    for content, kind in (
        (gzip.compress(b'x'), 'gzip: give it a name that ends in .gz'),
        (b'PAR1...', 'Parquet'),
        (b'BZh9', 'bzip2: unpack'),
    ):
        with pytest.raises(UsageError, match=f'is not text but a file of the kind {kind}'):
            read_text(tmp_path, content)
