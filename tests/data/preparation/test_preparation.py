"""Preparation of large tables: nothing half-made is believed, new rows are encoded alike."""

import collections
import errno
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

from autoint_jax.data.datasets.avazu import AVAZU
from autoint_jax.data.datasets.criteo import CRITEO
from autoint_jax.data.datasets.row_encoder import encode_files
from autoint_jax.data.encoding.counting import counts
from autoint_jax.data.encoding.value_table import IntegerTable
from autoint_jax.data.generated import shapes
from autoint_jax.data.preparation.progress import SilentPreparation
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.data.store.scratch_owner import OWNER
from autoint_jax.data.store.split_writer import SplitWriter
from autoint_jax.data.store.spool import Spool
from autoint_jax.schema import CATEGORICAL, NUMERIC, FieldSpec, Schema

LOGS = {'criteo': CRITEO, 'avazu': AVAZU}
CODE = (
    'import pathlib, sys; from autoint_jax.data.datasets import registry\n'
    'registry.prepare("criteo", "autoint", pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))'
)


@pytest.fixture(scope='module')
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp('raw')
    for name in LOGS:
        shapes.SHAPES[name](folder / name, 4001, 9)
    return folder


def prepare(name, recipe, raw, data_dir):
    return LOGS[name].prepare(
        recipe, raw / name, data_dir / name / recipe, dataset=name, max_bad_share=0.001, progress=SilentPreparation()
    )


@pytest.mark.parametrize(
    'name, recipe', [('criteo', 'autoint'), ('criteo', 'bars'), ('avazu', 'autoint'), ('avazu', 'bars')]
)
def test_the_training_file_encodes_to_its_own_columns_also_without_labels(raw, tmp_path, name, recipe):
    data = prepare(name, recipe, raw, tmp_path)
    (path,) = (raw / name).iterdir()
    place, separator = (0, '\t') if name == 'criteo' else (1, ',')
    unlabelled = tmp_path / path.name
    rows = [line.split(separator) for line in path.read_text().splitlines()]
    unlabelled.write_text(''.join(separator.join(row[:place] + row[place + 1 :]) + '\n' for row in rows))
    labelled, bare = encode_files(data, [path]), encode_files(data, [unlabelled])
    assert np.isnan(bare.columns.labels).all() and bare.bad == labelled.bad == []
    np.testing.assert_array_equal(bare.columns.ids, labelled.columns.ids)
    np.testing.assert_array_equal(bare.columns.numeric, labelled.columns.numeric)
    assert bare.unknown == labelled.unknown
    parts = [data.split(split) for split in ('train', 'valid', 'test')]
    together = [np.concatenate([part.ids for part in parts]), np.concatenate([part.labels for part in parts])]
    encoded = [labelled.columns.ids, labelled.columns.labels]
    assert sorted(zip(map(tuple, together[0].tolist()), together[1].tolist(), strict=True)) == sorted(
        zip(map(tuple, encoded[0].tolist()), encoded[1].tolist(), strict=True)
    )


def test_values_that_training_never_saw_are_unknown_and_counted(raw, tmp_path):
    data = prepare('criteo', 'autoint', raw, tmp_path)
    known = data.vocabularies()['C1'].values[1]
    path = tmp_path / 'new.txt'
    rows = [['5', *[''] * 12, known, *[''] * 25], [*[''] * 13, '12345678', *[''] * 25]]
    path.write_text(''.join('\t'.join(row) + '\n' for row in rows))
    encoded = encode_files(data, [path])
    assert encoded.columns.ids[:, 0].tolist() == [2, 1] and not encoded.columns.ids[:, 1:].any()
    assert encoded.columns.numeric[0, 0] == 2 and np.isnan(encoded.columns.numeric[1]).all()
    assert encoded.unknown['C1'] == 1 and sum(encoded.unknown.values()) == 1


def test_new_rows_do_not_wait_for_occurrences_of_their_values(raw, tmp_path):
    data = prepare('avazu', 'autoint_all_rows', raw, tmp_path)
    encoded = encode_files(data, [raw / 'avazu' / 'train.csv'])
    values = [line.split(',')[14] for line in (raw / 'avazu' / 'train.csv').read_text().splitlines()[1:]]  # device_type
    assert data.schema.names[13] == 'device_type' and (data.split('train').ids[:, 13] == 0).any()
    known = dict(zip(data.vocabularies()['device_type'].values, range(1, 100), strict=False))
    assert encoded.columns.ids[:, 13].tolist() == [known.get(value, 0) for value in values] and len(known) > 3


def test_a_killed_preparation_leaves_nothing_that_is_believed_and_the_next_one_clears_up(raw, tmp_path):
    stalled = CODE.replace(
        'registry.prepare',
        'from autoint_jax.data.preparation import pipeline\nimport time\n'
        'pipeline.fit = lambda *_: time.sleep(60)\nregistry.prepare',
    )
    process = subprocess.Popen([sys.executable, '-c', stalled, str(raw / 'criteo'), str(tmp_path)])
    folder = tmp_path / 'criteo'
    deadline = time.monotonic() + 60
    while not list(folder.glob('.*/spool/*')) and time.monotonic() < deadline:
        time.sleep(0.05)
    (living,) = folder.iterdir()
    other = subprocess.run(
        [sys.executable, '-c', CODE, str(raw / 'criteo'), str(tmp_path)], capture_output=True, text=True
    )
    assert other.returncode == 0, other.stderr
    assert (living / OWNER).exists()  # that of a living process stays
    process.send_signal(signal.SIGKILL)
    process.wait()
    whole = open_prepared(tmp_path, 'criteo', 'autoint').hash
    assert prepare('criteo', 'autoint', raw, tmp_path).hash == whole
    assert [path.name for path in folder.iterdir()] == ['autoint']


def test_a_full_disk_names_the_file(tmp_path, monkeypatch):
    full = pathlib.Path('/dev/full')
    monkeypatch.setattr(Spool, 'path', lambda self, number: full)
    with pytest.raises(OSError) as error:
        Spool(tmp_path / 'spool').write(0, pl.DataFrame({'a': range(1000)}))
    assert error.value.errno == errno.ENOSPC and error.value.filename == '/dev/full'
    fields = [FieldSpec(name, CATEGORICAL, 2) for name in 'abc'] + [FieldSpec(name, NUMERIC) for name in 'xy']
    writer = SplitWriter(tmp_path / 'train', Schema(tuple(fields)))
    writer._paths['numeric'] = full
    with pytest.raises(OSError) as error, writer:
        for _ in range(100):
            writer.append(np.ones((1000, 3)), np.ones((1000, 2)), np.ones(1000))
    assert error.value.errno == errno.ENOSPC and error.value.filename == '/dev/full'


@pytest.mark.parametrize('dtype', [np.uint32, np.int64, np.uint64])
def test_an_integer_table_finds_what_it_has(dtype):
    rng = np.random.default_rng(3)
    values = rng.integers(0, np.iinfo(dtype).max, 5003, dtype=dtype)
    values = np.unique(np.concatenate([values, np.array([0, np.iinfo(dtype).max], dtype)]))
    rng.shuffle(values)
    asked = np.concatenate([values, rng.integers(0, 2**31, 997).astype(dtype)])
    known = {value: number for number, value in enumerate(values.tolist(), start=3)}
    assert IntegerTable(values, 3)(asked).tolist() == [known.get(value, 0) for value in asked.tolist()]
    assert IntegerTable(values[:0], 1)(asked).tolist() == [0] * len(asked)


@pytest.mark.parametrize('dtype', [pl.UInt32, pl.Int64, pl.String])
def test_counting_in_parts_counts_all(monkeypatch, dtype):
    values = (
        pl.Series(np.random.default_rng(4).zipf(1.3, 3001) % 997)
        .set(pl.Series(np.arange(3001) % 7 == 0), None)
        .cast(dtype)
    )
    blocks = [values[start : start + 101] for start in range(0, 3001, 101)]
    monkeypatch.setattr('autoint_jax.data.encoding.counting.MOST_VALUES', 70)
    monkeypatch.setattr('autoint_jax.data.encoding.counting.ROWS_AT_ONCE', 250)
    passes = []

    def read():
        passes.append(1)
        return blocks

    found = counts(read)
    assert len(passes) > 4
    counted = collections.Counter(values.drop_nulls().to_list())
    assert found.rows() == sorted(counted.items()) and found['value'].dtype == dtype and max(counted.values()) > 500
