"""The presets of experiments/configs: each builds its model, and those of BARS say what its logs say."""

import dataclasses

import jax
import numpy as np
import pytest

from autoint_jax.config.configuration import load
from autoint_jax.config.folder import CONFIGS
from autoint_jax.data.datasets.bars_tables import COLUMNS
from autoint_jax.models.registry import build
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, Batch, FieldSpec, Schema
from autoint_jax.training.step.state import initial_state, make_setup


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('*.toml')), ids=lambda path: path.stem)
def test_every_configuration_loads_and_its_model_is_built(path):
    config = load(path)
    schema = Schema(
        (
            FieldSpec('a', CATEGORICAL, 5),
            FieldSpec('x', NUMERIC, boundaries=(0.0, 1.0, 2.0)),
            FieldSpec('tags', MULTIVALUED, 7, max_values=3),
        )
    )
    model, specs = build(config.model, schema)
    rows = Batch(
        np.zeros((2, 4), np.int32), np.zeros((2, 1), np.float32), np.zeros(2, np.float32), np.ones(2, np.float32)
    )

    def logits():
        looked_up = {name: np.zeros((2, len(spec.columns), spec.width), np.float32) for name, spec in specs.items()}
        return model.init_with_output(jax.random.key(0), looked_up, rows, training=None)[0]

    assert jax.eval_shape(logits).shape == (2,)


# Name of the data set, width of all heads, layers, heads, LayerNorm, scaled, wide, deep network, L2: paper.md 3.2.
BARS = {
    'criteo_x4_autoint_bars': (64, 5, 1, False, False, False, (), 1e-5),
    'criteo_x4_autoint_plus_bars': (64, 5, 1, False, False, True, (1000,) * 5, 1e-5),
    'criteo_x1_autoint_bars': (256, 3, 4, True, True, True, (), 1e-5),
    'criteo_x1_autoint_plus_bars': (256, 3, 2, True, False, True, (400,) * 3, 1e-5),
    'avazu_x4_autoint_bars': (128, 7, 1, False, False, True, (), 1e-6),
    'avazu_x1_autoint_bars': (128, 4, 1, True, True, False, (), 1e-2),
    'avazu_x1_autoint_plus_bars': (256, 5, 2, True, True, False, (400,) * 3, 1e-2),
    'frappe_x1_autoint_bars': (128, 6, 4, False, False, False, (), 0.05),
    'frappe_x1_autoint_plus_bars': (128, 5, 4, True, True, False, (400,) * 3, 0.1),
}


@pytest.mark.parametrize('name, row', BARS.items(), ids=BARS)
def test_presets_of_bars_say_what_its_logs_say(name, row):
    config = load(CONFIGS / f'{name}.toml')
    model = dataclasses.replace(
        config.model,
        layer_norm='off' if config.model.layer_norm == 'model' else config.model.layer_norm,
        score_scale='one' if config.model.score_scale == 'model' else config.model.score_scale,
    )
    assert (
        model.num_heads * model.head_dim,
        model.num_layers,
        model.num_heads,
        model.layer_norm != 'off',
        model.score_scale == 'head_dim',
        model.wide,
        model.deep_hidden,
        config.optimizer.l2_tables,
    ) == row
    assert (model.variant, model.embedding_stddev) == ('paper', 1e-4)
    assert model.layer_norm in ('off', 'before_activation')
    no_residual = name.startswith('avazu_x4')
    assert (model.residual, model.residual_projection) == ((False, 'always') if no_residual else (True, 'where_needed'))
    x1 = '_x1_' in name
    assert (config.training.batch_size, model.embedding_dim) == ((4096, 10) if x1 else (10000, 16))
    rules = config.optimizer.clip_norm, config.optimizer.plateau_factor, config.optimizer.plateau_least
    assert (
        rules == (10.0, 0.1, 1e-3) and config.optimizer.plateau_patience == 1 and model.kernel_init == 'xavier_normal'
    )
    assert (config.training.monitor, config.training.stop_patience) == ('auc' if x1 else 'auc_minus_logloss', 2)
    assert (model.deep_batch_norm, model.deep_dropout) == ((True, 0.1) if x1 and model.deep_hidden else (False, 0.0))


# Parameters that the logs of BARS count, tables included, and embeddings of its categorical fields. That one number of
# embeddings fits both models of a table says that all are right. Hidden layers of BARS have biases before their batch
# normalisation, which has no use for them: 1,200 parameters that the networks here do without.
COUNTED = {
    'criteo_x1_autoint_bars': (23_364_453, 2_086_303),
    'criteo_x1_autoint_plus_bars': (23_844_454 - 1_200, 2_086_303),
    'avazu_x1_autoint_bars': (13_142_407, 1_298_599),
    'avazu_x1_autoint_plus_bars': (14_202_856 - 1_200, 1_298_599),
    'frappe_x1_autoint_bars': (306_051, 5_389),
    'frappe_x1_autoint_plus_bars': (622_180 - 1_200, 5_389),
}


@pytest.mark.parametrize('name, counts', COUNTED.items(), ids=COUNTED)
def test_presets_have_the_parameters_that_bars_counts(name, counts):
    config = load(CONFIGS / f'{name}.toml')
    numeric, categorical = COLUMNS[config.data.dataset]
    sizes = [counts[1] - 2 * (len(categorical) - 1), *[2] * (len(categorical) - 1)]
    fields = [FieldSpec(field, NUMERIC) for field in numeric]
    fields += [FieldSpec(field, CATEGORICAL, size) for field, size in zip(categorical, sizes, strict=True)]
    state = jax.eval_shape(lambda: initial_state(make_setup(config, Schema(tuple(fields)))))
    assert sum(leaf.size for leaf in jax.tree.leaves((state.params, state.tables))) == counts[0]
