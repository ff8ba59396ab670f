"""What tests of models share: a schema of all kinds of fields, a batch, drawn parameters, and plain NumPy parts of
references.

References are written from the equations, with loops over rows, fields and values, in float64.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models import registry
from autoint_jax.models.layers.dropout import Training
from autoint_jax.models.layers.tables import initial_tables, lookup
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, Batch, FieldSpec, Schema

SCHEMA = Schema(
    (
        FieldSpec('a', CATEGORICAL, 5),
        FieldSpec('x', NUMERIC),
        FieldSpec('tags', MULTIVALUED, 7, max_values=3),
        FieldSpec('y', NUMERIC),
        FieldSpec('b', CATEGORICAL, 11),
    )
)
OFFSETS = {'a': 0, 'tags': 5, 'b': 12}  # first rows in a table of all id fields
ROWS = 13
# The fields of Criteo, 13 numeric and 26 categorical; how many values those have is no matter of counted parameters.
CRITEO = Schema(
    (
        *(FieldSpec(f'n{number}', NUMERIC) for number in range(13)),
        *(FieldSpec(f'c{number}', CATEGORICAL, 3) for number in range(26)),
    )
)

# The fast tests differentiate one model of each kind of layers and every new model; the slow ones these, too.
DIFFERENTIATED_SLOWLY = (
    *('afm', 'nfm', 'hofm', 'deep_crossing', 'wide_deep', 'deep_cross', 'crossnet', 'cin', 'xdeepfm', 'masknet'),
    *('finalmlp', 'finalnet', 'rankmixer', 'heteroatt', 'hiformer'),
)

# A small configuration of every model in the registry, sizes prime and distinct where they can be.
SMALL = {
    'lr': ModelConfig(name='lr'),
    'fm': ModelConfig(name='fm', embedding_dim=3),
    'afm': ModelConfig(name='afm', embedding_dim=3, attention_dim=7),
    'nfm': ModelConfig(name='nfm', embedding_dim=3, deep_hidden=(7,)),
    'hofm': ModelConfig(name='hofm', embedding_dim=3, order=4),
    'deep_crossing': ModelConfig(name='deep_crossing', embedding_dim=3, unit_widths=(7, 5)),
    'dnn': ModelConfig(name='dnn', embedding_dim=3, deep_hidden=(7, 11)),
    'wide_deep': ModelConfig(name='wide_deep', embedding_dim=3, deep_hidden=(7, 11)),
    'deepfm': ModelConfig(name='deepfm', embedding_dim=3, deep_hidden=(7, 11)),
    'crossnet': ModelConfig(name='crossnet', embedding_dim=3, num_layers=2),
    'deep_cross': ModelConfig(name='deep_cross', embedding_dim=3, num_layers=2, deep_hidden=(7, 11)),
    'dcn_v2': ModelConfig(
        name='dcn_v2', embedding_dim=3, num_layers=2, cross_rank=2, cross_experts=3, deep_hidden=(7,)
    ),
    'cin': ModelConfig(name='cin', embedding_dim=3, cin_widths=(4, 6, 7)),
    'xdeepfm': ModelConfig(name='xdeepfm', embedding_dim=3, cin_widths=(4, 7), deep_hidden=(11,)),
    'masknet': ModelConfig(name='masknet', embedding_dim=3, num_layers=2, mask_width=7, deep_hidden=(11,)),
    'finalmlp': ModelConfig(
        name='finalmlp', embedding_dim=3, deep_hidden=(11, 6), second_hidden=(7, 10), gate_hidden=(13,), fusion_heads=2
    ),
    'fcn': ModelConfig(name='fcn', embedding_dim=12, num_layers=2, num_heads=3, shallow_layers=1),
    'finalnet': ModelConfig(
        name='finalnet', embedding_dim=3, deep_hidden=(8, 6), second_hidden=(10,), gate_fields=True
    ),
    'wukong': ModelConfig(
        name='wukong',
        embedding_dim=3,
        num_layers=2,
        product_tokens=4,
        linear_tokens=2,
        product_rank=2,
        product_hidden=(7,),
        deep_hidden=(11,),
    ),
    'rankmixer': ModelConfig(name='rankmixer', embedding_dim=3, num_layers=2, num_tokens=4, token_width=12),
    'autoint': ModelConfig(name='autoint', embedding_dim=3, num_layers=2, num_heads=2, head_dim=7),
    'destine': ModelConfig(name='destine', embedding_dim=3, num_layers=2, num_heads=2, head_dim=7),
    'ft_transformer': ModelConfig(name='ft_transformer', embedding_dim=6, num_layers=2, num_heads=2),
    'field_attention': ModelConfig(
        name='field_attention', embedding_dim=3, num_layers=2, head_dim=7, value_dim=5, field_projections=True
    ),
    'heteroatt': ModelConfig(name='heteroatt', embedding_dim=3, num_layers=2, head_dim=7, value_dim=5),
    'hiformer': ModelConfig(
        name='hiformer', embedding_dim=5, num_layers=2, head_dim=7, value_dim=5, joint_rank=4, joint_value_rank=6
    ),
}


def batch(rows: int = ROWS, seed: int = 0) -> Batch:
    """Returns rows with no, some or all tags; the second number is missing in every third row."""
    rng = np.random.default_rng(seed)
    tags = np.stack([np.concatenate([rng.integers(1, 7, n), np.zeros(3 - n, int)]) for n in rng.integers(0, 4, rows)])
    ids = np.column_stack([rng.integers(0, 5, rows), tags, rng.integers(0, 11, rows)]).astype(np.int32)
    numeric = rng.normal(size=(rows, 2)).astype(np.float32)
    numeric[::3, 1] = np.nan
    return Batch(ids, numeric, (rng.random(rows) < 0.5).astype(np.float32), np.ones(rows, np.float32))


def made(
    config: ModelConfig, form: str = 'automatic', *, seed: int = 0, schema: Schema = SCHEMA, rows: Batch | None = None
):
    """Returns a model, its tables and its variables, all drawn from N(0, 0.4^2), so that biases and norms count.

    Variances are squares of such draws plus 0.5.
    """
    model, specs = registry.build(config, schema, form)
    rows = batch() if rows is None else rows

    def initial():
        tables = initial_tables(specs, jax.random.key(seed))
        return tables, model.init(jax.random.key(1), lookup(tables, specs, rows), rows, training=None)

    tables, variables = jax.eval_shape(initial)  # the shapes are all that is needed of them
    rng = np.random.default_rng(seed)

    def drawn(path, x):
        values = rng.normal(0, 0.4, x.shape)
        return jnp.asarray(values**2 + 0.5 if path[-1].key == 'variance' else values, jnp.float32)

    draw = jax.tree_util.tree_map_with_path
    return model, draw(drawn, tables), draw(drawn, variables)


def forward(model, tables, variables, rows: Batch, training: Training | None = None, **options: Any):
    """Returns logits [b]; also the updated collections if `mutable` is given."""
    specs = model.table_specs(model.config, model.schema)
    return model.apply(variables, lookup(tables, specs, rows), rows, training=training, **options)


def options(name: str, **changed: Any) -> ModelConfig:
    """Returns the small configuration of a model with some options changed."""
    return dataclasses.replace(SMALL[name], **changed)


def criteo_parameters(config: ModelConfig) -> int:
    """Returns the number of parameters outside the embeddings on Criteo's fields, without computing them."""
    model, specs = registry.build(config, CRITEO)
    rows = Batch(
        np.zeros((1, 26), np.int32), np.zeros((1, 13), np.float32), np.zeros(1, np.float32), np.ones(1, np.float32)
    )

    def init():
        return model.init(
            jax.random.key(0), lookup(initial_tables(specs, jax.random.key(1)), specs, rows), rows, training=None
        )

    return registry.parameter_count(jax.eval_shape(init)['params'])


# Parts of references, of one row: `ids` [5], `values` [2].


def tags_of(ids) -> list[int]:
    return [int(tag) for tag in ids[1:4] if tag > 0]


def reference_embeddings(table, vectors, ids, values) -> list[np.ndarray]:
    """Returns the vectors of the fields a, x, tags, y, b (Eqs. 2-4).

    Args:
      table: rows of embeddings, [v, d].
      vectors: those of numeric fields, [numeric, d].
      ids: ids of the row, [5].
      values: numbers of the row, [2].
    """
    table, vectors = np.float64(table), np.float64(vectors)
    tags = [table[OFFSETS['tags'] + tag] for tag in tags_of(ids)]
    return [
        table[OFFSETS['a'] + ids[0]],
        vectors[0] * values[0],
        sum(tags) / len(tags) if tags else np.zeros(table.shape[1]),
        np.zeros(table.shape[1]) if math.isnan(values[1]) else vectors[1] * values[1],
        table[OFFSETS['b'] + ids[4]],
    ]


def reference_features(table, vectors, ids, values) -> list[np.ndarray | None]:
    """Returns x_i v_i of a, x, the three slots of tags (x_i = 1 / number of tags), y and b.

    A feature that a row does not have is None.
    """
    a, x, _, y, b = reference_embeddings(table, vectors, ids, values)
    table, count = np.float64(table), len(tags_of(ids))
    tags = [table[OFFSETS['tags'] + tag] / count if tag > 0 else None for tag in ids[1:4]]
    return [a, x, *tags, None if math.isnan(values[1]) else y, b]


def reference_first_order(table, weights, ids, values) -> float:
    """Returns w^T x from `table` [v, 1] and `weights` [numeric]."""
    return float(sum(vector[0] for vector in reference_embeddings(table, np.float64(weights)[:, None], ids, values)))


def reference_stacked(table, ids, values) -> np.ndarray:
    """Returns the embeddings of a, tags and b side by side, then the two numbers, 0 if missing."""
    embedded = reference_embeddings(table, np.zeros((2, np.shape(table)[1])), ids, values)
    return np.concatenate([embedded[0], embedded[2], embedded[4], np.nan_to_num(np.float64(values))])


def reference_dense(x, layer) -> np.ndarray:
    return x @ np.float64(layer['kernel']) + (np.float64(layer['bias']) if 'bias' in layer else 0.0)


def reference_norm(x, layer):
    centred = x - x.mean()
    return centred / np.sqrt((centred**2).mean() + 1e-5) * np.float64(layer['scale']) + np.float64(layer['bias'])


def reference_mlp(x, layers, statistics=None, output: bool = True):
    """Returns the value of the output layer after hidden layers.

    A hidden layer is linear, then batch normalisation by running statistics if there are any, then ReLU.
    """
    for number in range(sum(name.startswith('hidden') for name in layers)):
        x = reference_dense(x, layers[f'hidden_{number}'])
        if statistics is not None:
            norm, running = layers[f'batch_norm_{number}'], statistics[f'batch_norm_{number}']
            x = (x - np.float64(running['mean'])) / np.sqrt(np.float64(running['variance']) + 1e-5)
            x = x * np.float64(norm['scale']) + np.float64(norm['bias'])
        x = np.maximum(x, 0)
    return reference_dense(x, layers['output'])[0] if output else x


def every_model_but_fewer_fast():
    """Returns the names of all models; those of DIFFERENTIATED_SLOWLY are marked as slow."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in DIFFERENTIATED_SLOWLY else name for name in SMALL]
