"""Operations on single values: arithmetic, comparisons, types."""

from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from autoint_jax.export.onnx import fused
from autoint_jax.export.onnx.graph import TYPES, Graph
from autoint_jax.export.onnx.views import View, in_order, is_number, name_of

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)

# Operations that are one operator.
OPERATORS = {
    'add': 'Add',
    'sub': 'Sub',
    'mul': 'Mul',
    'div': 'Div',
    'max': 'Max',
    'min': 'Min',
    'pow': 'Pow',
    'neg': 'Neg',
    'abs': 'Abs',
    'exp': 'Exp',
    'log': 'Log',
    'sqrt': 'Sqrt',
    'tanh': 'Tanh',
    'sin': 'Sin',
    'cos': 'Cos',
    'erf': 'Erf',
    'logistic': 'Sigmoid',
    'floor': 'Floor',
    'ceil': 'Ceil',
    'sign': 'Sign',
    'eq': 'Equal',
    'gt': 'Greater',
    'ge': 'GreaterOrEqual',
    'lt': 'Less',
    'le': 'LessOrEqual',
    'and': 'And',
    'or': 'Or',
    'not': 'Not',
}


def _not_equal(graph: Graph, names: Sequence[str], views: Sequence[View]) -> str:
    if names[0] == names[1] and views[0].dtype.kind == 'f':  # how JAX asks for what is not a number
        return graph.node('IsNaN', names[0])
    return graph.node('Not', graph.node('Equal', *names))


def _select(graph: Graph, names: Sequence[str], views: Sequence[View]) -> str:
    return graph.node('Where', names[0], names[2], names[1])


def _square(graph: Graph, names: Sequence[str], views: Sequence[View]) -> str:
    return graph.node('Mul', names[0], names[0])


def _rsqrt(graph: Graph, names: Sequence[str], views: Sequence[View]) -> str:
    return graph.node('Reciprocal', graph.node('Sqrt', names[0]))


# Operations that are several operators.
COMPOSED: dict[str, Callable[[Graph, Sequence[str], Sequence[View]], str]] = {
    'ne': _not_equal,
    'select_n': _select,
    'square': _square,
    'rsqrt': _rsqrt,
}
NAMES = (*OPERATORS, *COMPOSED)


def elementwise(graph: Graph, primitive: str, views: Sequence[View], shape: Sequence[Any], dtype: Any) -> View:
    """Applies an operation of NAMES to arrays of one shape, some of which may be one wide or single values.

    The graph computes bfloat16 in float32 and rounds the result, because few runtimes have operators of that type.

    Args:
      graph: the graph.
      primitive: the operation.
      views: its operands.
      shape: of the result.
      dtype: of the result.
    """
    if (neutral := _neutral(primitive, views)) is not None:
        return neutral
    widest = max(views, key=lambda view: (len(view.shape), view.constant is None, not view.weight, _values(view)))
    rivals = [view for view in views if len(view.shape) == len(widest.shape) and _values(view) == _values(widest)]
    order = next((view.order for view in rivals if view.plain), widest.order)
    views = [in_order(graph, view, order) if len(view.shape) == len(order) else view for view in views]
    names = [name_of(graph, as_float32(graph, view)) for view in views]
    if primitive == 'max' and (zero := _single(views[1])) is not None and zero == 0 and views[1].dtype.kind == 'f':
        result = graph.node('Relu', names[0])
    elif primitive in COMPOSED:
        result = COMPOSED[primitive](graph, names, views)
    else:
        result = graph.node(OPERATORS[primitive], *names)
    if primitive == 'mul':
        result = fused.softmax(graph, result) or result
    if primitive == 'add':
        result = fused.layer_norm(graph, result, len(order)) or result
    if dtype == BFLOAT16:
        result = graph.node('Cast', result, to=TYPES['bfloat16'])
    ranked = [view.held for view in views if len(view.shape) == len(order)]
    held = tuple(next((size for size in along if not _is_one(size)), 1) for along in zip(*ranked, strict=True))
    return View(tuple(shape), np.dtype(dtype), held, order, result)


def as_float32(graph: Graph, view: View) -> View:
    """Returns an array of bfloat16 in float32, any other array as it is."""
    return converted(graph, view, np.float32) if view.dtype == BFLOAT16 else view


def converted(graph: Graph, view: View, dtype: Any) -> View:
    """Returns an array in another type."""
    dtype = np.dtype(dtype)
    if view.dtype == dtype:
        return view
    if view.constant is not None:
        return view._replace(dtype=dtype, constant=view.constant.astype(dtype))
    name = graph.node('Cast', name_of(graph, view), to=TYPES['bfloat16' if dtype == BFLOAT16 else dtype.name])
    return view._replace(dtype=dtype, tensor=name, weight='')


def _neutral(primitive: str, views: Sequence[View]) -> View | None:
    """Returns the operand that the operation does not change, None if it changes all."""
    unit = {'mul': 1, 'div': 1, 'add': 0, 'sub': 0}.get(primitive)
    sides = (0, 1) if primitive in ('mul', 'add', 'max', 'min') else (1,)
    for side in sides:
        if len(views) != 2 or (value := _single(views[side])) is None:
            continue
        other, kind = views[1 - side], views[side].dtype.kind
        limit = {'max': -np.inf, 'min': np.inf}.get(primitive) if kind == 'f' else None
        if (value == unit or (limit is not None and value == limit)) and len(other.shape) >= len(views[side].shape):
            wide = zip(other.shape, views[side].shape or (1,) * len(other.shape), strict=True)
            if all(_is_one(own) or not _is_one(size) for size, own in wide):
                return other
    return None


def _single(view: View) -> Any:
    """Returns the value of a constant that has one value only, else None."""
    if view.constant is None or view.constant.size != 1:
        return None
    return view.constant.reshape(())[()]


def _is_one(size: Any) -> bool:
    return is_number(size) and size == 1


def _values(view: View) -> int:
    """Returns how many values an array has, with a large number for a size without one; it ranks arrays."""
    return int(np.prod([size if is_number(size) else 1 << 10 for size in view.held], dtype=np.int64))
