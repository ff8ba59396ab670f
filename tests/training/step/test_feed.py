"""Rows streamed from disk train a run as rows kept on the device do, bit for bit, from any evaluation on."""

import json

import numpy as np
import pytest
from run_cases import Told

from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.training.loop import fit
from autoint_jax.training.memory import room
from autoint_jax.training.step import feed, order, placement, slices
from autoint_jax.training.step.state import make_setup
from autoint_jax.units import shown_bytes

OPTIONS = {
    'data.dataset': 'movielens_1m',
    'data.recipe': 'autoint_all_rows',
    'model.variant': 'authors',
    'model.head_dim': 5,
    'model.num_layers': 1,
    'model.embedding_dropout': 0.1,
    'training.batch_size': 61,
    'training.epochs': 2,
    'training.evaluations_per_epoch': 3,
}


def trained(data_dir, run_dir, told=None, **options):
    config = replace(Config(), {**OPTIONS, **{name.replace('__', '.'): value for name, value in options.items()}})
    result = fit(config, open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows'), run_dir, told or Told())
    untimed = {
        name: value for name, value in vars(result).items() if not name.startswith(('train_', 'first_', 'fingerprint'))
    }
    return untimed, [json.loads(line) for line in open(run_dir / 'metrics.jsonl')]


@pytest.fixture(scope='module')
def resident(data_dir, tmp_path_factory):
    return trained(data_dir, tmp_path_factory.mktemp('resident') / 'run')


@pytest.mark.slow
def test_rows_streamed_in_small_chunks_train_as_resident_ones(data_dir, tmp_path, resident, monkeypatch):
    monkeypatch.setattr(feed, 'CHUNK_BYTES', 5_000)
    told = Told()
    assert trained(data_dir, tmp_path / 'run', told, execution__streaming=True) == resident
    assert any('streamed from disk, as execution.streaming asks' in sentence for sentence in told.said)


@pytest.mark.slow
def test_a_streamed_run_stopped_within_an_epoch_goes_on_exactly(data_dir, tmp_path, resident):
    """In chunks of the usual size, of which an epoch here is one."""
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            trained(data_dir, tmp_path / 'run', Told(stop_after=1), execution__streaming=True)
    assert trained(data_dir, tmp_path / 'run', execution__streaming=True) == resident


def test_rows_that_do_not_fit_are_streamed_and_the_log_says_so(data_dir, monkeypatch):
    data, mesh = open_prepared(data_dir, 'movielens_1m', 'autoint_all_rows'), placement.data_mesh()
    rows = {split: len(data.split(split)) for split in ('train', 'valid', 'test')}
    setup, places = (
        make_setup(Config(), data.schema),
        -(-rows['train'] // 1024) * slices.cut(1024, make_setup(Config(), data.schema), mesh).padded_batch,
    )
    needed = sum(rows.values()) * 4 * (11 + 1 + 1) + 2 * 4 * places
    plan, streamed, sentence = room.fed(setup, rows, mesh, compiling=False)
    assert not streamed and sentence == f'{shown_bytes(needed)} of rows and their order are kept on the device'
    surely = sum(item.bytes for item in plan.device + plan.host if not item.estimated)
    for there, kept in ((surely, needed <= surely / 2), (surely - 1, False), (2 * needed - 1, False)):
        monkeypatch.setattr(room, 'ram_by_limit', lambda there=there: {'there': there})
        plan, streamed, sentence = room.fed(setup, rows, mesh, compiling=False)
        assert streamed != kept
        assert kept or (
            'are streamed from disk' in sentence and 'if reading is slow, --config.data.shuffle=blocks' in sentence
        )
    assert any(item.name == 'rows read ahead' for item in plan.device)


def test_shuffled_blocks_hold_every_row_once_and_are_read_in_windows(monkeypatch):
    monkeypatch.setattr(order, 'BLOCK_ROWS', 10)
    monkeypatch.setattr(order, 'WINDOW_BLOCKS', 3)
    one, again, other = (
        order.epoch_order(3, epoch, rows=100, batch_size=30, padded_batch=32, blocks=True) for epoch in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert sorted(one[one >= 0].tolist()) == list(range(100))
    for batch in one[:3, :30]:  # a batch is a window here
        assert len(set((batch // 10).tolist())) == 3
    assert (np.diff(one[0, :30]) != 1).sum() > 20


@pytest.mark.slow
def test_shuffled_blocks_train(data_dir, tmp_path, resident, monkeypatch):
    monkeypatch.setattr(order, 'BLOCK_ROWS', 64)
    monkeypatch.setattr(order, 'WINDOW_BLOCKS', 4)
    result, evaluations = trained(data_dir, tmp_path / 'run', data__shuffle='blocks', execution__streaming=True)
    assert result['test'] != resident[0]['test']
    assert evaluations[-1]['train_logloss'] < evaluations[0]['train_logloss']
