"""Names of runs: what they are made of, that they stay, and that options of 'execution' are no part of them."""

import json

import pytest
from conftest import ROOT

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.fingerprint import fingerprint, former_fingerprint, identity, identity_tree
from autoint_jax.config.folder import CONFIGS
from autoint_jax.config.renamed import RENAMED
from autoint_jax.errors import UsageError
from autoint_jax.records import runs

RECORDS = sorted((ROOT / 'results' / 'runs').glob('*.json'))
EXECUTION = {
    'execution.form': 'heads',
    'execution.dense_form': 'xla',
    'execution.tables_form': 'xla',
    'execution.slice_rows': 64,
    'execution.streaming': True,
    'execution.deterministic': False,
}
OLD_TREE = {
    'model': {'form': 'heads', 'num_layers': 2},
    'optimizer': {'tables_form': 'xla'},
    'training': {'slice_rows': 64},
    'data': {'streaming': True},
}
# Records of results/runs name runs by what differs from these, so none of them may ever change.
DEFAULTS = {
    'data.dataset': 'movielens_100k',
    'data.recipe': 'with_ids',
    'data.shuffle': 'rows',
    'model.name': 'autoint',
    'model.variant': 'paper',
    'model.embedding_dim': 16,
    'model.num_layers': 3,
    'model.num_heads': 2,
    'model.head_dim': 32,
    'model.residual': True,
    'model.attention_dropout': 0.0,
    'model.embedding_dropout': 0.0,
    'model.head_hidden': (),
    'model.deep_hidden': (),
    'model.deep_dropout': 0.0,
    'model.compute_dtype': 'float32',
    'model.embedding_stddev': 0.01,
    'model.combiner': 'mean',
    'model.width_scale': 0.0,
    'model.width_power': 0.25,
    'model.numeric_encoding': 'scaled',
    'model.numeric_bins': 16,
    'model.periodic_scale': 0.1,
    'model.score_scale': 'model',
    'model.projection_activation': 'model',
    'model.projection_bias': 'model',
    'model.layer_norm': 'model',
    'model.residual_projection': 'always',
    'model.kernel_init': 'model',
    'model.wide': False,
    'model.deep_output': 'sum',
    'model.deep_batch_norm': False,
    'model.unit_widths': (100, 100, 100, 100),
    'model.attention_dim': 16,
    'model.order': 3,
    'model.cin_widths': (200, 200, 200),
    'model.cin_split': True,
    'model.cross_rank': 0,
    'model.cross_experts': 1,
    'model.cross_stacked': False,
    'model.cross_gate': False,
    'model.second_hidden': (),
    'model.gate_hidden': (),
    'model.fusion_heads': 1,
    'model.mask_width': 64,
    'model.mask_ratio': 2.0,
    'model.mask_parallel': True,
    'model.feedforward_ratio': 4 / 3,
    'model.feedforward_dropout': 0.0,
    'model.residual_dropout': 0.0,
    'model.shallow_layers': 0,
    'model.shallow_dropout': 0.0,
    'model.branch_loss': 'model',
    'model.gate_fields': False,
    'model.factors': 'concatenated',
    'model.factor_relu': False,
    'model.product_tokens': 16,
    'model.linear_tokens': 16,
    'model.product_rank': 8,
    'model.product_hidden': (128,),
    'model.num_tokens': 8,
    'model.token_width': 64,
    'model.value_dim': 0,
    'model.field_projections': False,
    'model.field_output': False,
    'model.field_feedforward': False,
    'model.joint_projections': False,
    'model.joint_rank': 0,
    'model.joint_value_rank': 0,
    'optimizer.name': 'adam',
    'optimizer.tables': 'adam',
    'optimizer.learning_rate': 1e-3,
    'optimizer.tables_learning_rate': 0.0,
    'optimizer.schedule': 'constant',
    'optimizer.warmup_steps': 0,
    'optimizer.schedule_steps': 0,
    'optimizer.final_fraction': 0.0,
    'optimizer.decay_every': 0,
    'optimizer.decay_factor': 0.1,
    'optimizer.plateau_factor': 0.0,
    'optimizer.plateau_patience': 1,
    'optimizer.plateau_least': 0.0,
    'optimizer.b1': 0.9,
    'optimizer.b2': 0.999,
    'optimizer.epsilon': 1e-8,
    'optimizer.clip_norm': 0.0,
    'optimizer.row_clip': 0.0,
    'optimizer.row_clip_floor': 1e-5,
    'optimizer.weight_decay': 0.0,
    'optimizer.tables_weight_decay': 0.0,
    'optimizer.l2_params': 0.0,
    'optimizer.l2_rows': 0.0,
    'optimizer.l2_tables': 0.0,
    'training.batch_size': 1024,
    'training.epochs': 50,
    'training.evaluations_per_epoch': 1,
    'training.stop_after_increases': 0,
    'training.stop_patience': 0,
    'training.positive_weight': 1.0,
    'training.negatives_kept': 1.0,
    'training.not_finite': 'stop',
    'training.monitor': 'logloss',
    'training.metrics': (),
    'training.group_by': '',
    'replicas.seeds': 1,
    'replicas.learning_rate': (),
    'replicas.tables_learning_rate': (),
    'replicas.clip_norm': (),
    'replicas.weight_decay': (),
    'replicas.l2_params': (),
    'replicas.l2_rows': (),
    'replicas.l2_tables': (),
    'replicas.embedding_dropout': (),
    'replicas.attention_dropout': (),
    'replicas.deep_dropout': (),
    'execution.form': 'automatic',
    'execution.dense_form': 'automatic',
    'execution.tables_form': 'automatic',
    'execution.slice_rows': 0,
    'execution.streaming': False,
    'execution.deterministic': True,
    'execution.checkpoint_seconds': 600.0,
    'execution.full_disk': 'stop',
    'mesh.table': 1,
    'mesh.data': 0,
    'mesh.exchange': 'automatic',
    'mesh.capacity': 1.0,
    'mesh.ordered_sums': False,
    'seed': 0,
    'init_state': '',
}


def test_defaults_never_change():
    assert {leaf.path: leaf.default for leaf in configuration.leaves()} == DEFAULTS


@pytest.mark.parametrize(
    'name, expected',
    [
        ('movielens_100k_autoint', '41f59471b440'),
        ('movielens_1m_autoint_plus', '70664da0120e'),
        ('criteo_autoint_widths', 'ee0a07539701'),
    ],
)
def test_fingerprints_never_change(name, expected):
    assert fingerprint(configuration.load(CONFIGS / f'{name}.toml')) == expected


def test_options_of_execution_are_no_part_of_a_runs_identity():
    config = replace(Config(), {'model.num_layers': 2, 'seed': 3})
    executed = replace(config, EXECUTION)
    assert executed != config and identity(executed) == config
    assert fingerprint(executed) == fingerprint(config) == former_fingerprint(config) != former_fingerprint(executed)
    assert configuration.from_tree(identity_tree(executed)) == config


def test_every_record_is_found_by_the_configuration_that_is_asked_for():
    """Records that were made when options of 'execution' were part of the identity keep their names."""
    others = 0
    for path in RECORDS:
        record = json.loads(path.read_text())
        config = configuration.from_tree(record['config'])
        name = record['run'].removesuffix(record['fingerprint'])
        assert former_fingerprint(config) == record['fingerprint'], path
        assert runs.found_path(f'{name}{fingerprint(config)}', config, ROOT / 'results') == path
        others += fingerprint(config) != record['fingerprint']
    assert len(RECORDS) >= 186 and others == 13  # runs named control_cpu_kernel and control_heads


def test_stored_configurations_may_have_the_old_names_of_options():
    assert set(RENAMED.values()) <= set(EXECUTION)
    found = configuration.from_tree(OLD_TREE)
    assert found == replace(Config(), {'model.num_layers': 2} | {name: EXECUTION[name] for name in RENAMED.values()})


@pytest.mark.parametrize('old, name', RENAMED.items())
def test_a_new_configuration_with_an_old_name_is_told_the_present_one(tmp_path, old, name):
    value = {str: "'heads'", int: '64', bool: 'true'}[type(EXECUTION[name])]
    path = tmp_path / 'mine.toml'
    path.write_text(f'{old} = {value}\n')
    with pytest.raises(UsageError, match=f"mine.toml: unknown option '{old}'; it was renamed to '{name}'"):
        configuration.load(path)
