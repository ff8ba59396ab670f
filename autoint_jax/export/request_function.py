"""The scoring function of a run for requests: one context and many candidates, exact and with less work.

The fields of the context have the same values in all rows of a request. What depends on them alone is computed once:
their embeddings, their first-order weights, their part of the first product of a network that reads embeddings, and in
AutoInt, if there are many, all of the first layer that they have among themselves.

The function runs the model itself. `flax.linen.intercept_methods` puts the modules below in the place of those that
would compute this for every row, so no model is written twice.
"""

from collections.abc import Callable, Collection
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.config.execution_config import AUTOMATIC
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.export.request_parts import Part, batch_of, joined, parted, rows_of_part
from autoint_jax.export.scored_function import Weights, variables_of
from autoint_jax.models import registry
from autoint_jax.models.autoint import AutoInt, resolved
from autoint_jax.models.interacting.heads import heads_stack
from autoint_jax.models.interacting.request import request_layer
from autoint_jax.models.layers.dense import Dense
from autoint_jax.models.layers.embedding import FieldEmbedding, field_widths, in_order
from autoint_jax.models.layers.linear import FirstOrder
from autoint_jax.models.layers.numeric import present_values
from autoint_jax.models.layers.stacked_input import StackedInput
from autoint_jax.schema import MULTIVALUED, Schema

# (weights, ids [1, slots of the context], numeric [1, ...], ids [b, slots of the candidates], numeric [b, ...])
#   -> logits [b]
RequestFunction = Callable[[Weights, Any, Any, Any, Any], jax.Array]
# With fewer fields in the context, ONNX Runtime computes the first layer of whole rows at least as fast: what is saved
# is less than what the additional operations cost.
LEAST_CONTEXT_FIELDS = 16
# Models whose deep network reads the embeddings of all fields.
DEEP_READERS = ('dnn', 'wide_deep', 'deepfm', 'xdeepfm', 'autoint', 'destine', 'deep_cross')


def readers(config: ModelConfig) -> set[tuple[str, ...]]:
    """Returns the linear layers of a model whose input is the embeddings of all fields side by side, or
    `StackedInput`.
    """
    found: dict[str, set[tuple[str, ...]]] = {
        'deep_crossing': {('unit_0', 'inner'), ('unit_0', 'shortcut')},
        'dcn_v2': {('cross_0', name) for name in ('matrix', 'down', 'gate', 'information_gate')},
        'masknet': {(f'block_{number}', 'mask_hidden') for number in range(config.num_layers)},
        'finalmlp': set() if config.gate_hidden else {('stream_0', 'hidden_0'), ('stream_1', 'hidden_0')},
    }
    deep = config.name in DEEP_READERS or (config.name == 'dcn_v2' and not config.cross_stacked)
    return found.get(config.name, set()) | ({('deep', 'hidden_0')} if deep else set())


def request_function(config: ModelConfig, schema: Schema, context: Collection[str]) -> RequestFunction:
    """Returns the scoring function for requests of the model of a configuration.

    Args:
      config: the options of the model.
      schema: its fields.
      context: names of the fields that all candidates of a request share.

    Returns:
      A function (weights, ids int32 [1, slots of the context], numeric float32 [1, ...], ids [b, slots of the
      candidates], numeric [b, ...]) -> logits float32 [b]. The weights are those of `scored_function`, with tables of
      any precision. The columns of ids and numbers are in the order of the schema.

    Raises:
      UsageError: a name is no field, or no field is left for the context or the candidates.
    """
    heads = 'heads' if config.compute_dtype == 'float32' else 'einsum'
    form = heads if registry.model_class(config).HAS_FORMS else AUTOMATIC
    model, specs = registry.build(config, schema, form)
    halves = parted(schema, context)

    def function(weights, context_ids, context_numeric, ids, numeric):
        parts = []
        for half, own_ids, own_numeric in zip(halves, (context_ids, ids), (context_numeric, numeric), strict=True):
            batch = batch_of(own_ids, own_numeric)
            rows = {name: rows_of_part(weights, name, spec, schema, half, own_ids) for name, spec in specs.items()}
            parts.append(Part(frozenset(half.names), batch, rows))
        b = ids.shape[0]
        whole = batch_of(
            joined(schema.id_fields, parts, [own.batch.ids for own in parts], b),
            joined(schema.numeric_fields, parts, [own.batch.numeric for own in parts], b),
        )
        with nn.intercept_methods(_Interceptor(config, schema, parts[0], parts[1])):
            return model.apply(variables_of(weights), {}, whole, training=None)

    return function


class _Interceptor:
    """Computes modules for the two parts of a request in the place of a whole batch."""

    def __init__(self, config: ModelConfig, schema: Schema, context: Part, candidates: Part):
        self._config, self._schema, self._parts = config, schema, (context, candidates)
        self._readers, self._within = readers(config), False
        # What readers of embeddings read: for each part its columns, and their numbers among those of all fields.
        self._flat: list[tuple[jax.Array, np.ndarray]] = []
        self._embedded: list[jax.Array] = []
        # For each column of the attention output, its column in the order of the schema.
        self._order: np.ndarray | None = None

    def __call__(self, usual: Callable[..., Any], args: Any, kwargs: Any, call: nn.module.InterceptorContext) -> Any:
        module, name = call.module, call.method_name
        if self._within or name not in ('__call__', '_interact'):
            return usual(*args, **kwargs)
        if isinstance(module, FieldEmbedding):
            return self._embeddings(module)
        if isinstance(module, FirstOrder):
            return sum(self._of_parts(module))
        if isinstance(module, StackedInput):
            return self._stacked(usual, args, kwargs)
        if isinstance(module, AutoInt) and name == '_interact':
            return self._attention(module, usual, args, kwargs)
        if isinstance(module, nn.Dense | Dense):
            return self._product(module, usual, args, kwargs)
        return usual(*args, **kwargs)

    def _of_parts(self, module: Any) -> list[jax.Array]:
        """Computes a module that reads rows and batch, for each part with fields in its schema."""
        outputs, params = [], dict(module.variables.get('params', {}))
        for part in self._parts:
            schema = Schema(tuple(field for field in module.schema.fields if field.name in part.names))
            if schema.fields:
                own = module.clone(schema=schema, parent=None, name=None)
                self._within = True
                try:
                    outputs.append(own.apply({'params': _part_of(params, module, part.names)}, part.rows, part.batch))
                finally:
                    self._within = False
        return outputs

    def _embeddings(self, module: FieldEmbedding) -> jax.Array:
        """Returns the embeddings of all rows, [b, f, d], and notes those of the parts."""
        fields = module.schema.fields
        held = [[field for field in fields if field.name in part.names] for part in self._parts]
        found = iter(self._of_parts(module))
        b, d = self._parts[1].batch.ids.shape[0], self._config.embedding_dim
        arrays = [next(found) if own else jnp.zeros((1, 0, d)) for own in held]
        wide = [jnp.broadcast_to(array, (b, *array.shape[1:])) for array in arrays]
        sources: list[tuple[jax.Array, int]] = []
        places, columns = [0, 0], [list[int](), list[int]()]
        for field in fields:
            part = 0 if field.name in self._parts[0].names else 1
            for _ in range(field.max_values if field.kind == MULTIVALUED and not module.pooled else 1):
                columns[part].append(len(sources))
                sources.append((wide[part], places[part]))
                places[part] += 1
        self._embedded = arrays
        self._flat = [
            (array.reshape(array.shape[0], -1), _widened(np.array(own, int), d))
            for array, own in zip(arrays, columns, strict=True)
        ]
        return in_order(sources)

    def _stacked(self, usual: Callable[..., Any], args: Any, kwargs: Any) -> jax.Array:
        """Returns the stacked input of all rows, [b, h], and notes that of the parts."""
        self._flat, numeric = [], self._schema.numeric_fields
        stacked = usual(*args, **kwargs)
        if self._config.numeric_encoding == 'scaled' and numeric:
            first = stacked.shape[1] - len(numeric)
            flat = []
            for number, part in enumerate(self._parts):
                places = [first + place for place, field in enumerate(numeric) if field.name in part.names]
                values, columns = [present_values(part.batch.numeric)], [np.array(places, int)]
                if self._flat:
                    values.insert(0, self._flat[number][0])
                    columns.insert(0, self._flat[number][1])
                rows = max(value.shape[0] for value in values) if number == 0 else part.batch.ids.shape[0]
                values = [jnp.broadcast_to(value, (rows, value.shape[1])) for value in values]
                flat.append((jnp.concatenate(values, 1), np.concatenate(columns)))
            self._flat = flat
        return stacked

    def _attention(self, module: AutoInt, usual: Callable[..., Any], args: Any, kwargs: Any) -> jax.Array:
        """Returns the output of the interacting layers, float32 [b, f, w].

        The fields of the context come first where their first layer is computed once.
        """
        config = self._config
        few = len(self._parts[0].names) < LEAST_CONTEXT_FIELDS
        if few or not config.num_layers or config.compute_dtype != 'float32':
            return usual(*args, **kwargs)
        spec, layers = resolved(config).stack, module.interacting_layers()
        context, candidates = self._embedded
        x = request_layer(context, candidates, layers[0], spec)
        x = heads_stack(x, layers[1:], (None,) * len(layers[1:]), spec)
        places = [
            place for part in self._parts for place, field in enumerate(self._schema.fields) if field.name in part.names
        ]
        self._order = _widened(np.array(places), x.shape[2])
        return x

    def _product(self, module: nn.Dense | Dense, usual: Callable[..., Any], args: Any, kwargs: Any) -> jax.Array:
        """Returns what a dense layer makes of its input; what it makes of the context is computed once."""
        params, path = module.variables['params'], module.path
        if path in self._readers:
            made = sum(values @ params['kernel'][columns] for values, columns in self._flat if len(columns))
        elif self._order is not None and path[0] == 'head':
            order, self._order = self._order, None
            made = args[0] @ params['kernel'][np.concatenate([order, np.arange(len(order), len(params['kernel']))])]
        else:
            return usual(*args, **kwargs)
        made = made + params['bias'] if 'bias' in params else made
        return jax.nn.relu(made) if isinstance(module, Dense) and module.relu else made


def _widened(places: np.ndarray, width: int) -> np.ndarray:
    """Returns the columns of vectors of some width that stand side by side at `places`."""
    return (places[:, None] * width + np.arange(width)).reshape(-1)


def _part_of(params: dict[str, Any], module: Any, names: frozenset[str]) -> dict[str, Any]:
    """Returns the parameters of a module for some of its fields: those of numeric fields, and projections by width."""
    schema, found = module.schema, {}
    numeric = np.array([place for place, field in enumerate(schema.numeric_fields) if field.name in names], int)
    widths = field_widths(module.config, schema) if isinstance(module, FieldEmbedding) else {}
    for name, values in params.items():
        if name == 'numeric':
            if len(numeric):
                found[name] = jax.tree.map(lambda value: value[numeric], values)
            continue
        width = int(name.removeprefix('projection_'))
        fields = [field for field, own in widths.items() if own == width]
        places = np.array([place for place, field in enumerate(fields) if field in names], int)
        if len(places):
            found[name] = values[places]
    return found
