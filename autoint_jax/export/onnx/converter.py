"""Functions of JAX as ONNX graphs: the operations of a traced function become operators, one by one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import ml_dtypes
import numpy as np
import onnx
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from autoint_jax.bundle.weights import Tensor
from autoint_jax.errors import UsageError
from autoint_jax.export.onnx import elementwise, products, shaping
from autoint_jax.export.onnx.graph import Graph, Port
from autoint_jax.export.onnx.views import View, constant, empty, held_by, is_number, name_of, plain, symbols, weight

_CALLS = {'jit': 'jaxpr', 'custom_jvp_call': 'call_jaxpr', 'custom_vjp_call': 'call_jaxpr', 'remat2': 'jaxpr'}


def onnx_model(
    function: Callable[..., Any],
    tensors: Mapping[str, Tensor],
    inputs: Mapping[str, jax.ShapeDtypeStruct],
    outputs: Sequence[str],
    name: str = 'model',
) -> onnx.ModelProto:
    """Returns a function (weights, *inputs) -> outputs as a model of ONNX, whose weights lie in weights.bin beside it.

    Args:
      function: the function; its first argument is {name of a tensor: array}.
      tensors: the places of the weights in weights.bin.
      inputs: type and shape of each other argument, by the name of the input. Sizes may be those of
        `jax.export.symbolic_shape`: the model takes any number there.
      outputs: the names of the outputs.
      name: of the model, for errors.

    Raises:
      UsageError: the function has an operation that is not known here.
    """
    graph = Graph(tensors)
    results = add_function(graph, function, tensors, list(inputs.items()), name)
    ports = [Port(label, like.dtype.name, _sizes(like.shape)) for label, like in inputs.items()]
    made = [
        (Port(label, result.dtype.name, _sizes(result.shape)), result.tensor)
        for label, result in zip(outputs, results, strict=True)
    ]
    return graph.model(name, ports, made)


def add_function(
    graph: Graph,
    function: Callable[..., Any],
    tensors: Mapping[str, Tensor],
    operands: Sequence[tuple[str, jax.ShapeDtypeStruct]],
    name: str,
) -> list[View]:
    """Adds a function (weights, *operands) to a graph, and returns its results, each held as it is by a tensor.

    Args:
      graph: the graph.
      function, tensors, name: as `onnx_model` takes them.
      operands: for each other argument the tensor of the graph that it is, its type and its shape.
    """
    weights = {label: jax.ShapeDtypeStruct(tensor.shape, _dtype(tensor.dtype)) for label, tensor in tensors.items()}
    closed = jax.jit(function).trace(weights, *(like for _, like in operands)).jaxpr
    views = [weight(label, tensor.shape, _dtype(tensor.dtype)) for label, tensor in sorted(tensors.items())]
    for tensor, like in operands:
        views.append(held_by(tensor, like.shape, like.dtype))
        for axis, size in enumerate(like.shape):
            if not is_number(size):
                graph.bind_size(str(size), tensor, axis)
    results = _Converter(graph, name).function(closed.jaxpr, closed.consts, views)
    return [held_by(name_of(graph, plain(graph, view)), view.shape, view.dtype) for view in results]


def _dtype(name: str) -> np.dtype:
    return np.dtype(ml_dtypes.bfloat16) if name == 'bfloat16' else np.dtype(name)


def _sizes(shape: Sequence[Any]) -> tuple[int | str, ...]:
    return tuple(int(size) if is_number(size) else str(size) for size in shape)


class _Converter:
    """Adds the operations of functions to a graph."""

    def __init__(self, graph: Graph, name: str):
        """Takes the graph, and the name of the model for errors."""
        self._graph, self._name = graph, name

    def function(self, jaxpr: Jaxpr, consts: Sequence[Any], operands: Sequence[View]) -> list[View]:
        """Adds a function, and returns its results."""
        known: dict[Any, View] = dict(zip(jaxpr.constvars, map(constant, map(np.asarray, consts)), strict=True))
        known |= dict(zip(jaxpr.invars, operands, strict=True))

        def view(atom: Any) -> View:
            if isinstance(atom, Literal):
                like: Any = atom.aval
                return constant(np.asarray(atom.val, like.dtype))
            return known[atom]

        for equation in jaxpr.eqns:
            results = self._operation(equation, [view(atom) for atom in equation.invars])
            known |= dict(zip(equation.outvars, results, strict=True))
        return [view(atom) for atom in jaxpr.outvars]

    def _operation(self, equation: Any, operands: list[View]) -> list[View]:
        """Adds an operation, and returns its results."""
        name, params = equation.primitive.name, equation.params
        if name in _CALLS:
            inner: ClosedJaxpr = params[_CALLS[name]]
            return self.function(inner.jaxpr, inner.consts, operands)
        likes = [variable.aval for variable in equation.outvars]
        if any(is_number(size) and size == 0 for size in likes[0].shape):
            return [empty(like.dtype, like.shape) for like in likes]
        if all(operand.constant is not None for operand in operands) and (found := _folded(equation, operands)):
            return found
        result = self._added(name, operands, params, likes[0])
        results = result if isinstance(result, list) else [result]
        return [elementwise.converted(self._graph, view, like.dtype) for view, like in zip(results, likes, strict=True)]

    def _added(self, name: str, operands: list[View], params: Any, like: Any) -> View | list[View]:
        graph, result = self._graph, None
        if name in elementwise.NAMES:
            return elementwise.elementwise(graph, name, operands, like.shape, like.dtype)
        if name == 'integer_pow' and params['y'] == 2:
            return elementwise.elementwise(graph, 'square', operands, like.shape, like.dtype)
        if name in shaping.REDUCTIONS:
            return shaping.reduced(graph, operands[0], name, params['axes'])
        if name == 'dot_general':
            return products.dot_general(graph, *operands, **params)
        if name in shaping.OPERATIONS:
            result = shaping.OPERATIONS[name](graph, *operands, **params)
        if result is None:
            raise UsageError(
                f'model {self._name!r} cannot be exported as ONNX, because the operation {name!r} of JAX is not known '
                f'there (operands {", ".join(f"{view.dtype}{list(view.shape)}" for view in operands)}): open an issue '
                'that names the model and the operation, and export it as StableHLO meanwhile'
            )
        return result


def _folded(equation: Any, operands: Sequence[View]) -> list[View] | None:
    """Returns the results of an operation on constants; None if a result has a size without a number."""
    name, likes = equation.primitive.name, [variable.aval for variable in equation.outvars]
    values = [(view.constant, view.shape) for view in operands if view.constant is not None]
    if name in elementwise.NAMES or name == 'integer_pow':
        arrays = np.broadcast_arrays(*(value for value, _ in values))
        return [constant(np.asarray(equation.primitive.bind(*arrays, **equation.params)), likes[0].shape)]
    if any(symbols(size) for view in (*operands, *likes) for size in view.shape):
        return None
    found = equation.primitive.bind(*(np.broadcast_to(*one) for one in values), **equation.params)
    return [constant(np.asarray(array)) for array in (found if equation.primitive.multiple_results else [found])]
