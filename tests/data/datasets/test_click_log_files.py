"""Files of Criteo, Avazu and KDD12: read in small blocks or packed, missing, or with rows that are bad."""

import gzip
import pathlib

import pytest
from click_log_cases import prepared, raw  # noqa: F401

from autoint_jax.data.datasets.avazu import AVAZU
from autoint_jax.data.datasets.criteo import CRITEO
from autoint_jax.data.datasets.kdd12 import KDD12
from autoint_jax.data.generated import shapes
from autoint_jax.data.preparation.progress import SilentPreparation
from autoint_jax.data.raw.derived import kdd12_profile
from autoint_jax.errors import UsageError


@pytest.mark.parametrize(
    'name, recipe',
    [
        ('criteo', 'autoint_all_rows'),
        pytest.param('avazu', 'autoint_all_rows', marks=pytest.mark.slow),
        pytest.param('kdd12', 'bars', marks=pytest.mark.slow),
    ],
)
def test_small_blocks_and_parts_give_the_same_data(raw, tmp_path, monkeypatch, name, recipe):
    whole = prepared(name, recipe, raw, tmp_path / 'whole')
    monkeypatch.setattr('autoint_jax.data.raw.text_files.BLOCK_BYTES', 97_003)
    monkeypatch.setattr('autoint_jax.data.encoding.counting.MOST_VALUES', 397)
    monkeypatch.setattr('autoint_jax.data.encoding.counting.ROWS_AT_ONCE', 499)
    monkeypatch.setattr('autoint_jax.data.preparation.pipeline.ROWS_AT_ONCE', 97)
    assert prepared(name, recipe, raw, tmp_path / 'parts').hash == whole.hash


def test_a_file_packed_by_gzip_gives_the_same_data(raw, tmp_path):
    packed = tmp_path / 'packed'
    packed.mkdir()
    (packed / 'train.gz').write_bytes(gzip.compress((raw['avazu'] / 'train.csv').read_bytes()))
    data = AVAZU.prepare(
        'autoint', packed, tmp_path / 'data', dataset='avazu', max_bad_share=0.001, progress=SilentPreparation()
    )
    plain = prepared('avazu', 'autoint', raw, tmp_path)
    assert data.manifest['splits'] == plain.manifest['splits'] and data.schema == plain.schema
    assert data.manifest['sources_sha256'] == {'train': plain.manifest['sources_sha256']['train.csv']}


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(UsageError, match='train.txt does not exist'):
        CRITEO.file_of(pathlib.Path(tmp_path))
    for name in ('train_a.txt', 'train_b.txt'):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match='2 files'):
        CRITEO.file_of(tmp_path)


def test_hours_that_are_no_dates_are_bad_rows(tmp_path):
    shapes.avazu(tmp_path / 'avazu', 3000, 1)
    path = tmp_path / 'avazu' / 'train.csv'
    path = path if path.exists() else tmp_path / 'avazu' / 'train'
    lines = path.read_text().splitlines()
    hours = {3: '14133100', 1000: '14102124', 2000: '2014102100', 2500: '-1', 2990: '0'}
    for line, hour in hours.items():
        cells = lines[line].split(',')
        lines[line] = ','.join([*cells[:2], hour, *cells[3:]])
    path.write_text('\n'.join(lines) + '\n')
    data = AVAZU.prepare(
        'bars', path.parent, tmp_path / 'out', dataset='avazu', max_bad_share=0.01, progress=SilentPreparation()
    )
    assert [(row['line'], row['reason']) for row in data.manifest['first_bad_rows']] == [
        (line + 1, f"column 'hour' holds {int(hour)}, which is not a date and hour, YYMMDDHH")
        for line, hour in hours.items()
    ]
    assert sum(split['rows'] for split in data.manifest['splits'].values()) == 2995


def test_profiles_of_users_that_are_none_are_named(tmp_path):
    shapes.kdd12(tmp_path / 'kdd12', 3000, 1)
    path = tmp_path / 'kdd12' / 'userid_profile.txt'
    whole = path.read_text()
    path.write_text(whole + '\t1\t2\n-4\t1\t1\n7\t1\t4294967296\n')
    bad = kdd12_profile(tmp_path / 'kdd12').bad
    lines = whole.count('\n')
    assert [row.line for row in bad] == [lines + 1, lines + 2, lines + 3]
    assert all('it is not a profile' in row.reason for row in bad)
    data = KDD12.prepare(
        'bars', path.parent, tmp_path / 'out', dataset='kdd12', max_bad_share=0.01, progress=SilentPreparation()
    )
    assert data.manifest['bad_rows'] == 3 and {row['file'] for row in data.manifest['first_bad_rows']} == {
        'userid_profile.txt'
    }
    assert [(file['file'], file['bad']) for file in data.preparation['files']] == [
        ('training.txt', 0),
        ('userid_profile.txt', 3),
    ]
    path.write_text('1\tx\ty\n')
    with pytest.raises(
        UsageError, match="holds no profile: its line 1 is bad, column 'Gender' holds 'x', not a whole number"
    ):
        kdd12_profile(tmp_path / 'kdd12')
