"""Operations that move, pick or join values, and sums along axes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autoint_jax.export.onnx.elementwise import BFLOAT16, as_float32, converted
from autoint_jax.export.onnx.graph import Graph
from autoint_jax.export.onnx.views import (
    View,
    constant,
    filled,
    held_by,
    in_order,
    is_number,
    name_of,
    plain,
    reshape,
    same,
    transposed,
)

REDUCTIONS = {
    'reduce_sum': 'ReduceSum',
    'reduce_max': 'ReduceMax',
    'reduce_min': 'ReduceMin',
    'reduce_prod': 'ReduceProd',
}


def _shaped(graph: Graph, view: View, held: Sequence[Any], shape: Sequence[Any]) -> View:
    """Returns the values of a plain view in a tensor of sizes `held`, as an array of a shape."""
    held, order = tuple(held), tuple(range(len(shape)))
    if view.weight:
        return view._replace(shape=tuple(shape), held=held, order=order)
    if view.constant is not None:
        return constant(view.constant.reshape(held), shape)
    if len(held) == len(view.held) and all(map(same, held, view.held)):
        return view._replace(shape=tuple(shape))
    return view._replace(shape=tuple(shape), held=held, order=order, tensor=reshape(graph, view.tensor, held))


def broadcast_in_dim(
    graph: Graph, view: View, *, shape: Sequence[Any], broadcast_dimensions: Sequence[int], **_: Any
) -> View:
    view, held = in_order(graph, view), [1] * len(shape)
    for axis, place in enumerate(broadcast_dimensions):
        held[place] = view.held[axis]
    return _shaped(graph, view, held, shape)


def reshaped(graph: Graph, view: View, *, new_sizes: Sequence[Any], dimensions: Any = None, **_: Any) -> View:
    if len(new_sizes) == len(view.shape) and all(map(same, new_sizes, view.shape)):
        return view
    view = plain(graph, view)
    if view.constant is not None:
        return constant(view.constant.reshape([int(size) for size in new_sizes]))
    return _shaped(graph, view, new_sizes, new_sizes)


def squeeze(graph: Graph, view: View, *, dimensions: Sequence[int], **_: Any) -> View:
    view = in_order(graph, view)
    kept = [axis for axis in range(len(view.shape)) if axis not in dimensions]
    return _shaped(graph, view, [view.held[axis] for axis in kept], [view.shape[axis] for axis in kept])


def expand_dims(graph: Graph, view: View, *, dimensions: Sequence[int], **_: Any) -> View:
    rank = len(view.shape) + len(dimensions)
    kept = [axis for axis in range(rank) if axis not in dimensions]
    shape: list[Any] = [1] * rank
    for axis, size in zip(kept, view.shape, strict=True):
        shape[axis] = size
    return broadcast_in_dim(graph, view, shape=shape, broadcast_dimensions=kept)


def transpose(graph: Graph, view: View, *, permutation: Sequence[int], **_: Any) -> View:
    return transposed(view, permutation)


def sliced(
    graph: Graph,
    view: View,
    *,
    start_indices: Sequence[Any],
    limit_indices: Sequence[Any],
    strides: Any = None,
    **_: Any,
) -> View:
    for axis, (first, last) in enumerate(zip(start_indices, limit_indices, strict=True)):
        view = along(graph, view, axis, first, last, 1 if strides is None else strides[axis])
    return view


def along(graph: Graph, view: View, axis: int, first: Any, last: Any, step: int = 1) -> View:
    """Returns every `step`-th place of an array from `first` to before `last` along an axis."""
    if step == 1 and same(first, 0) and same(last, view.shape[axis]):
        return view
    size = -((first - last) // step)
    shape = (*view.shape[:axis], size, *view.shape[axis + 1 :])
    place = view.order[axis]
    if is_number(view.held[place]) and view.held[place] == 1:  # one wide: the same value at all places
        return view._replace(shape=shape)
    held = (*view.held[:place], size, *view.held[place + 1 :])
    if view.constant is not None:
        kept = [slice(None)] * len(held)
        kept[place] = slice(first, last, step)
        return view._replace(shape=shape, held=held, constant=view.constant[tuple(kept)])
    found = _columns(graph, view, place, first, last) if step == 1 else None
    name = found or _slice(graph, name_of(graph, view), place, first, last, step)
    return view._replace(shape=shape, held=held, tensor=reshape(graph, name, held) if found else name, weight='')


def _slice(graph: Graph, tensor: str, axis: int, first: int, last: int, step: int = 1) -> str:
    bounds = [graph.whole_numbers(int(value)) for value in (first, last)]
    return graph.node('Slice', tensor, *bounds, graph.whole_numbers(axis), graph.whole_numbers(step))


def _columns(graph: Graph, view: View, place: int, first: int, last: int) -> str | None:
    """Returns the product of matrices of which a range of an axis is some columns, None if it is no such thing.

    A bias may be added to the product, and a ReLU applied. A product by some columns of a weight is cheaper than a copy
    of some columns of a product. Runtimes take the columns of the weight once, when they load the model.
    """
    shaped = graph.producer(view.tensor, 'Reshape')
    activated = graph.producer(tensor := shaped.inputs[0] if shaped else view.tensor, 'Relu')
    added = graph.producer(tensor := activated.inputs[0] if activated else tensor, 'Add')
    product = graph.producer(added.inputs[0] if added else tensor, 'MatMul')
    sizes = product and graph.weight_sizes(product.inputs[1])
    if not product or not sizes or len(sizes) != 2:
        return None
    columns = view.held[place:]
    if not all(map(is_number, columns)) or np.prod(columns, dtype=np.int64) != sizes[1]:
        return None
    bias = added and graph.weight_as(added.inputs[1], [sizes[1]])
    if added and not bias:
        return None
    each = sizes[1] // columns[0]
    name = graph.node('MatMul', product.inputs[0], _slice(graph, product.inputs[1], 1, first * each, last * each))
    if bias:
        name = graph.node('Add', name, _slice(graph, bias, 0, first * each, last * each))
    return graph.node('Relu', name) if activated else name


def concatenate(graph: Graph, *views: View, dimension: int, **_: Any) -> View:
    views = tuple(view for view in views if not same(view.shape[dimension], 0)) or views[:1]
    if len(views) == 1:
        return views[0]
    order = next((view.order for view in views if view.constant is None), views[0].order)
    views = tuple(filled(graph, in_order(graph, view, order), [dimension]) for view in views)
    place = order[dimension]
    for axis in range(len(order)):  # axes that are one wide in some tensors only
        if axis != dimension and not all(same(view.held[order[axis]], views[0].held[order[axis]]) for view in views):
            views = tuple(filled(graph, view, [axis]) for view in views)
    shape = list(views[0].shape)
    shape[dimension] = sum(view.shape[dimension] for view in views)
    held = list(views[0].held)
    held[place] = shape[dimension]
    name = graph.node('Concat', *(name_of(graph, view) for view in views), axis=place)
    return View(tuple(shape), views[0].dtype, tuple(held), order, name)


def stack(graph: Graph, *views: View, axis: int, **_: Any) -> View:
    return concatenate(graph, *(expand_dims(graph, view, dimensions=(axis,)) for view in views), dimension=axis)


def split(graph: Graph, view: View, *, sizes: Sequence[int], axis: int, **_: Any) -> list[View]:
    ends = np.cumsum(sizes)
    return [along(graph, view, axis, int(end - size), int(end)) for size, end in zip(sizes, ends, strict=True)]


def reduced(graph: Graph, view: View, primitive: str, axes: Sequence[int]) -> View:
    """Applies a reduction of REDUCTIONS along axes."""
    view = as_float32(graph, filled(graph, view, axes)) if view.dtype == BFLOAT16 else filled(graph, view, axes)
    places = tuple(sorted(view.order[axis] for axis in axes))
    kept = [axis for axis in range(len(view.shape)) if axis not in axes]
    source = name_of(graph, view)
    name = graph.node(REDUCTIONS[primitive], source, graph.whole_numbers(*places), keepdims=0)
    graph.reduced[name] = (REDUCTIONS[primitive], source, places, view.held)
    left = sorted(view.order[axis] for axis in kept)
    order = tuple(left.index(view.order[axis]) for axis in kept)
    result = View(
        tuple(view.shape[axis] for axis in kept), view.dtype, tuple(view.held[place] for place in left), order, name
    )
    return result


def gather(
    graph: Graph, view: View, indices: View, *, dimension_numbers: Any, slice_sizes: Sequence[Any], mode: Any, **_: Any
) -> View | None:
    """Picks places of one axis: those that `indices` [..., 1] name; or ranges of axes that begin at constants.

    Returns None for any other form of the operation.
    """
    numbers, axes = dimension_numbers, dimension_numbers.start_index_map
    if indices.constant is not None and len(indices.shape) == 1:
        for axis, first in zip(axes, np.broadcast_to(indices.constant, indices.shape).tolist(), strict=True):
            size, width = view.shape[axis], slice_sizes[axis]
            if not same(width, size):
                first = min(max(first, 0), size - width)
                view = along(graph, view, axis, first, first + width)
        return squeeze(graph, view, dimensions=numbers.collapsed_slice_dims)
    others = [place for place in range(len(view.shape)) if (place,) != axes]
    if (
        numbers.collapsed_slice_dims != axes
        or len(axes) != 1
        or numbers.operand_batching_dims
        or not all(same(slice_sizes[place], view.shape[place]) for place in others)
    ):
        return None
    places = squeeze(graph, indices, dimensions=(len(indices.shape) - 1,))
    return _taken(graph, view, places, axes[0], numbers.offset_dims)


def _taken(graph: Graph, view: View, indices: View, axis: int, offset_dims: Sequence[int]) -> View:
    """Returns the places of an axis that `indices` [...] name. Places past the ends are those at the ends."""
    view, indices = filled(graph, in_order(graph, view), [axis]), plain(graph, indices)
    last = int(view.shape[axis]) - 1
    if indices.constant is not None:
        places = graph.constant(np.clip(indices.constant, 0, last))
    else:
        bounds = [graph.constant(bound, indices.dtype) for bound in (0, last)]
        places = graph.node('Clip', name_of(graph, indices), *bounds)
    name = graph.node('Gather', name_of(graph, view), places, axis=axis)
    before, after = view.held[:axis], view.held[axis + 1 :]
    found = held_by(name, (*before, *indices.shape, *after), view.dtype)
    found = found._replace(shape=(*view.shape[:axis], *indices.shape, *view.shape[axis + 1 :]))
    rank, many = len(found.shape), len(indices.shape)
    # JAX puts the axes of the operand at `offset_dims` and those of the indices at the other places.
    operand, named = [*range(axis), *range(axis + many, rank)], [*range(axis, axis + many)]
    permutation = [operand.pop(0) if place in offset_dims else named.pop(0) for place in range(rank)]
    return transposed(found, permutation)


OPERATIONS: dict[str, Callable[..., Any]] = {
    'broadcast_in_dim': broadcast_in_dim,
    'reshape': reshaped,
    'squeeze': squeeze,
    'expand_dims': expand_dims,
    'transpose': transpose,
    'slice': sliced,
    'concatenate': concatenate,
    'stack': stack,
    'split': split,
    'gather': gather,
    'convert_element_type': lambda graph, view, *, new_dtype, **_: converted(graph, view, new_dtype),
    'stop_gradient': lambda graph, view, **_: view,
    'copy': lambda graph, view, **_: view,
}
