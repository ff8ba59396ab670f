"""Limits other than memory: numbers that 32 bits do not count, absurd options, too many copies."""

import pytest
from test_memory import ROWS

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.copies import copies
from autoint_jax.diagnosis.planned import schema_of
from autoint_jax.errors import UsageError
from autoint_jax.training.memory import limits
from autoint_jax.training.step import placement
from autoint_jax.training.step.schedule import evaluation_steps
from autoint_jax.training.step.state import make_setup

LIMITS = {
    'ids of a table': ({}, [2**30, 2**30], ROWS, "2,147,483,648 ids in the fields of the table 'embedding'"),
    'rows': ({}, [7], {**ROWS, 'train': 2**31}, '2,147,483,648 rows in the train split'),
    'rows of an evaluation': ({}, [7], {**ROWS, 'test': 2**30}, '1,073,741,824 rows in the test split'),
    'ids of a batch': (
        {'training.batch_size': 2**28},
        [7] * 8,
        {**ROWS, 'train': 2**30},
        '2,147,483,648 ids in a batch',
    ),
    'steps': ({'training.epochs': 2**22, 'training.batch_size': 1}, [7], ROWS, 'steps in 4,194,304 epochs'),
}


@pytest.mark.parametrize('options, cardinalities, rows, part', LIMITS.values(), ids=LIMITS)
def test_what_32_bits_do_not_count_is_refused(options, cardinalities, rows, part):
    setup = make_setup(replace(Config(), {'execution.form': 'einsum', **options}), schema_of(cardinalities))
    with pytest.raises(UsageError, match='32-bit numbers') as raised:
        limits.check(setup, rows, placement.data_mesh())
    assert part in str(raised.value)
    limits.check(make_setup(Config(), schema_of([2**30, 2**30 - 1])), ROWS, placement.data_mesh())


OPTIONS = {
    'model.num_layers': 100_000,
    'model.num_heads': 10**9,
    'model.head_dim': 10**6,
    'model.embedding_dim': 10**9,
    'model.order': 65,
    'model.numeric_bins': 10**8,
    'model.attention_dim': 10**9,
    'model.cross_experts': 10**6,
    'model.cross_rank': 10**7,
    'model.deep_hidden': (10**9,),
    'model.cin_widths': (100,) * 257,
    'model.unit_widths': (1_000_001,),
    'model.mask_width': 10**6,
    'model.fusion_heads': 10**5,
    'model.mask_ratio': 1e9,
    'model.shallow_layers': 257,
    'model.value_dim': 10**6,
    'model.joint_rank': 10**6,
    'model.product_tokens': 5000,
    'model.token_width': 10**6,
    'training.batch_size': 2**31,
    'training.epochs': 10**12,
    'training.evaluations_per_epoch': 2**40,
    'execution.slice_rows': 2**31,
    'replicas.seeds': 1_000_000,
}


@pytest.mark.parametrize('path, value', OPTIONS.items(), ids=OPTIONS)
def test_absurd_options_are_refused(path, value):
    with pytest.raises(UsageError, match='at most') as raised:
        replace(Config(), {path: value})
    assert path in str(raised.value) and len(str(raised.value)) < 200


def test_copies_are_counted_before_they_are_made():
    config = replace(
        Config(), {'replicas.seeds': 1000, 'replicas.learning_rate': (1e-3, 1e-2), 'replicas.l2_rows': (0.0, 1e-6)}
    )
    with pytest.raises(UsageError, match='ask for 4,000 copies .* at most 1,024'):
        copies(config)


def test_more_evaluations_than_steps_are_one_a_step():
    assert evaluation_steps(7, 2**30) == [1, 2, 3, 4, 5, 6, 7] and evaluation_steps(7, 3) == [3, 5, 7]
