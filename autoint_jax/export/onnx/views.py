"""Arrays of a traced function as the graph holds them: constants, or tensors of the graph seen in another order.

A value may have its axes in another order than the tensor that holds it, and an axis along which all values are the
same may be one wide in the tensor. Operators of ONNX broadcast such axes, so that no array is made for them, and most
transpositions vanish.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from autoint_jax.export.onnx.graph import Graph

Shape = tuple[Any, ...]  # sizes: numbers, or expressions of JAX in a size that may be any number


class View(NamedTuple):
    """An array of the function.

    Attributes:
      shape: its sizes.
      dtype: its type.
      held: the sizes of the tensor that holds it, axis by axis: those of `shape` in the order `order`, or 1.
      order: axis i of the array is axis `order[i]` of the tensor.
      tensor: name of the tensor; '' for a constant or a weight.
      constant: the values of a constant, else None.
      weight: name of a weight, else ''.
    """

    shape: Shape
    dtype: np.dtype
    held: Shape
    order: tuple[int, ...]
    tensor: str = ''
    constant: np.ndarray | None = None
    weight: str = ''

    @property
    def plain(self) -> bool:
        """Whether the tensor has the axes of the array in their order."""
        return self.order == tuple(range(len(self.order)))

    @property
    def whole(self) -> bool:
        """Whether the tensor has all values of the array."""
        return all(same(self.held[place], size) for size, place in zip(self.shape, self.order, strict=True))


def same(size: Any, other: Any) -> bool:
    """Returns whether two sizes are the same."""
    return bool(size == other)


def is_number(size: Any) -> bool:
    """Returns whether a size is a number, not an expression."""
    return isinstance(size, int | np.integer)


def held_by(tensor: str, shape: Sequence[Any], dtype: Any) -> View:
    """Returns the view of a tensor of the graph as it is."""
    return View(tuple(shape), np.dtype(dtype), tuple(shape), tuple(range(len(shape))), tensor)


def constant(values: Any, shape: Sequence[Any] | None = None) -> View:
    """Returns the view of a constant, whose array may be one wide where `shape` is wider."""
    array = np.asarray(values)
    shape = array.shape if shape is None else tuple(shape)
    return View(shape, array.dtype, array.shape, tuple(range(array.ndim)), constant=array)


def empty(dtype: Any, shape: Sequence[Any]) -> View:
    """Returns the view of an array without values."""
    return constant(np.zeros([size if is_number(size) else 1 for size in shape], dtype), shape)


def weight(name: str, shape: Sequence[int], dtype: Any) -> View:
    """Returns the view of a weight."""
    return View(tuple(shape), np.dtype(dtype), tuple(shape), tuple(range(len(shape))), weight=name)


def name_of(graph: Graph, view: View) -> str:
    """Returns the name of the tensor that holds a view, as it is held."""
    if view.constant is not None:
        return graph.constant(view.constant)
    return graph.weight(view.weight, view.held) if view.weight else view.tensor


def transposed(view: View, permutation: Sequence[int]) -> View:
    """Returns the view with axis i taken from axis `permutation[i]`. No node is made."""
    shape = tuple(view.shape[axis] for axis in permutation)
    if view.constant is not None:
        return constant(view.constant.transpose(permutation), shape)
    return view._replace(shape=shape, order=tuple(view.order[axis] for axis in permutation))


def in_order(graph: Graph, view: View, order: Sequence[int] | None = None) -> View:
    """Returns the same array in a tensor whose axis `order[i]` is axis i, by default in the array's own order."""
    order = tuple(range(len(view.shape))) if order is None else tuple(order)
    if view.order == order:
        return view
    back = np.argsort(order)  # axis j of the new tensor is axis back[j] of the array
    moved = [view.order[axis] for axis in back]
    held = tuple(view.held[axis] for axis in moved)
    if view.constant is not None:
        return view._replace(held=held, order=order, constant=view.constant.transpose(moved))
    kept = [axis for axis in moved if not (is_number(view.held[axis]) and view.held[axis] == 1)]
    if kept == sorted(kept):  # only axes of one value move
        moved_view = view._replace(held=held, order=order)
        return moved_view if view.weight else moved_view._replace(tensor=reshape(graph, view.tensor, held))
    return view._replace(
        held=held, order=order, weight='', tensor=graph.node('Transpose', name_of(graph, view), perm=moved)
    )


def filled(graph: Graph, view: View, axes: Sequence[int] | None = None) -> View:
    """Returns the same array in a tensor that has all values along some of its axes, by default along all."""
    wanted = range(len(view.shape)) if axes is None else axes
    thin = [axis for axis in wanted if not same(view.held[view.order[axis]], view.shape[axis])]
    if not thin:
        return view
    held = list(view.held)
    for axis in thin:
        held[view.order[axis]] = view.shape[axis]
    if view.constant is not None and all(is_number(view.shape[axis]) for axis in thin):
        return view._replace(held=tuple(held), constant=np.broadcast_to(view.constant, held))
    target = [
        view.shape[view.order.index(place)] if view.order.index(place) in thin else 1 for place in range(len(held))
    ]
    name = graph.node('Expand', name_of(graph, view), sizes(graph, target))
    return view._replace(held=tuple(held), tensor=name, constant=None, weight='')


def plain(graph: Graph, view: View) -> View:
    """Returns the same array in a tensor that has its values in its order."""
    return filled(graph, in_order(graph, view))


def sizes(graph: Graph, shape: Sequence[Any]) -> str:
    """Returns the name of a tensor int64 [n] with sizes."""
    if all(map(is_number, shape)):
        return graph.whole_numbers(*map(int, shape))
    return graph.node('Concat', *(_size(graph, size) for size in shape), axis=0)


def _size(graph: Graph, size: Any) -> str:
    """Returns the name of a tensor int64 [1] with a size, which may be a multiple of a size without a number."""
    if is_number(size):
        return graph.whole_numbers(int(size))
    symbol = str(next(iter(symbols(size))))
    once, twice = (int(size._evaluate({symbol: number})) for number in (1, 2))
    factor, rest = twice - once, 2 * once - twice
    name = graph.size(symbol)
    if factor != 1:
        name = graph.node('Mul', name, graph.whole_numbers(factor))
    return graph.node('Add', name, graph.whole_numbers(rest)) if rest else name


def symbols(size: Any) -> set[str]:
    """Returns the names in an expression of a size."""
    return set() if is_number(size) else set(size.get_vars())


def reshape(graph: Graph, tensor: str, shape: Sequence[Any]) -> str:
    """Returns the name of a tensor with the values of another in another shape."""
    before = graph.producer(tensor, 'Reshape')
    tensor = before.inputs[0] if before is not None else tensor
    if (kept := _kept_axes(graph, tensor, shape)) is not None:
        return kept
    numbers = [int(size) if is_number(size) else -1 for size in shape]
    if numbers.count(-1) > 1 or 0 in numbers:
        return graph.node('Reshape', tensor, sizes(graph, shape), allowzero=1)
    return graph.node('Reshape', tensor, graph.whole_numbers(*numbers))


def _kept_axes(graph: Graph, tensor: str, shape: Sequence[Any]) -> str | None:
    """Returns a reduced tensor that kept its reduced axes, one wide, if a shape has them; else None."""
    if tensor not in graph.reduced:
        return None
    op, source, axes, held = graph.reduced[tensor]
    with_axes = [1 if place in axes else size for place, size in enumerate(held)]
    if len(shape) != len(held) or not all(map(same, shape, with_axes)):
        return None
    return graph.node(op, source, graph.whole_numbers(*axes), keepdims=1)
