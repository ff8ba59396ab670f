"""Sums of products over axes of two arrays, as products of matrices with few transpositions."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from autoint_jax.export.onnx.elementwise import as_float32, elementwise
from autoint_jax.export.onnx.graph import Graph
from autoint_jax.export.onnx.shaping import expand_dims
from autoint_jax.export.onnx.views import (
    View,
    constant,
    filled,
    held_by,
    in_order,
    is_number,
    name_of,
    reshape,
    same,
    transposed,
)

_SWAP = 0.1  # cost of a transposition of the last two axes, which runtimes do within a product; another one costs 1


class _Side(NamedTuple):
    """One array of a product, and its axes by what becomes of them: kept side by side, kept, or summed over."""

    view: View
    batch: tuple[int, ...]
    free: tuple[int, ...]
    summed: tuple[int, ...]

    def layout(self, *axes: int) -> float:
        """Returns the cost of bringing the array's axes into an order. Weights are transposed once, at no cost."""
        if self.view.weight or self.view.constant is not None:
            return 0
        held = [self.view.order[axis] for axis in axes]
        held = [place for place in held if not _is_one(self.view.held[place])]
        if held == sorted(held):
            return 0
        return _SWAP if [*held[:-2], held[-1], held[-2]] == sorted(held) else 1


class _Operand(NamedTuple):
    """An array as a stack of matrices.

    Attributes:
      side: the array.
      groups: for each axis of the stack the axes of the array that are merged to it; none is an axis of one place.
    """

    side: _Side
    groups: tuple[tuple[int, ...], ...]

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of the array in the order in which the stack has them."""
        return tuple(axis for group in self.groups for axis in group)


class _Plan(NamedTuple):
    """A way to compute a product: two stacks of matrices, and (side, axis) for what each axis of their product is."""

    left: _Operand
    right: _Operand
    result: tuple[tuple[tuple[_Side, int], ...], ...]

    @property
    def cost(self) -> float:
        return self.left.side.layout(*self.left.axes) + self.right.side.layout(*self.right.axes)


def dot_general(
    graph: Graph, lhs: View, rhs: View, *, dimension_numbers: Any, preferred_element_type: Any = None, **_: Any
) -> View:
    """Returns the sums of products; its axes are those of the batch, then those of lhs, then those of rhs."""
    (lhs_summed, rhs_summed), (lhs_batch, rhs_batch) = dimension_numbers
    dtype = np.dtype(preferred_element_type or lhs.dtype)
    left, right = (
        _side(graph, view, batch, summed)
        for view, batch, summed in ((lhs, lhs_batch, lhs_summed), (rhs, rhs_batch, rhs_summed))
    )
    shape = [left.view.shape[axis] for axis in (*left.batch, *left.free)]
    shape += [right.view.shape[axis] for axis in right.free]
    if not left.summed:
        return _outer(graph, left, right, shape, dtype)
    if any(same(left.view.shape[axis], 0) for axis in left.summed):
        return constant(np.zeros([1 if not is_number(size) else size for size in shape], dtype), shape)
    plan = min(_plans(left, right), key=lambda plan: plan.cost)
    return _computed(graph, plan, left, right, dtype)


def _side(graph: Graph, view: View, batch: Sequence[int], summed: Sequence[int]) -> _Side:
    view = as_float32(graph, filled(graph, view, summed))
    free = tuple(axis for axis in range(len(view.shape)) if axis not in batch and axis not in summed)
    return _Side(view, tuple(batch), free, tuple(summed))


def _outer(graph: Graph, left: _Side, right: _Side, shape: Sequence[Any], dtype: Any) -> View:
    """Returns products without a sum."""
    batch = len(left.batch)
    one = transposed(left.view, (*left.batch, *left.free))
    other = transposed(right.view, (*right.batch, *right.free))
    one = expand_dims(graph, one, dimensions=tuple(range(len(one.shape), len(shape))))
    other = expand_dims(graph, other, dimensions=tuple(range(batch, batch + len(left.free))))
    return elementwise(graph, 'mul', [one, other], shape, dtype)


def _plans(left: _Side, right: _Side) -> Iterator[_Plan]:
    """Yields ways to compute a product."""
    for pairs in itertools.permutations(zip(left.summed, right.summed, strict=True)):
        sums = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
        yield from _ordered_plans(left, right, *sums)
        yield from _ordered_plans(right, left, *reversed(sums))


def _ordered_plans(one: _Side, other: _Side, sums: tuple[int, ...], other_sums: tuple[int, ...]) -> Iterator[_Plan]:
    """Yields ways to compute a product in which `one` is the left factor, with the axes of the sums in an order."""
    rows, columns = _named(one, one.free), _named(other, other.free)
    if one.batch:
        yield _Plan(
            _Operand(one, (*_single(one.batch), one.free, sums)),
            _Operand(other, (*_single(other.batch), other_sums, other.free)),
            (*_single(_named(one, one.batch)), rows, columns),
        )
        return
    yield _Plan(  # the other one is one matrix
        _Operand(one, (*_single(one.free), sums)), _Operand(other, (other_sums, other.free)), (*_single(rows), columns)
    )
    if other.free:  # this one is one matrix
        yield _Plan(
            _Operand(one, (one.free, sums)),
            _Operand(other, (*_single(other.free[:-1]), other_sums, other.free[-1:])),
            (*_single(columns[:-1]), rows, columns[-1:]),
        )


def _named(side: _Side, axes: Sequence[int]) -> tuple[tuple[_Side, int], ...]:
    return tuple((side, axis) for axis in axes)


def _single(items: Sequence[Any]) -> tuple[tuple[Any, ...], ...]:
    return tuple((item,) for item in items)


def _computed(graph: Graph, plan: _Plan, left: _Side, right: _Side, dtype: Any) -> View:
    """Adds the nodes of a plan."""
    result = graph.node('MatMul', *(_stacked(graph, operand) for operand in (plan.left, plan.right)))
    axes = [named for group in plan.result for named in group]
    shape = [side.view.shape[axis] for side, axis in axes]
    held = [_held(side, axis) for side, axis in axes]
    for place, _ in enumerate(plan.left.side.batch):  # it may be one wide on one side only
        sides = plan.left.side, plan.right.side
        held[place] = next((size for side in sides if not _is_one(size := _held(side, side.batch[place]))), 1)
    if any(len(group) != 1 for group in plan.result):
        result = reshape(graph, result, held)
    found = held_by(result, held, np.float32 if dtype.kind not in 'iub' else dtype)._replace(shape=tuple(shape))
    names = [_axis_name(side, axis, left) for side, axis in axes]
    wanted = [('batch', place) for place in range(len(left.batch))]
    wanted += [('left', axis) for axis in left.free] + [('right', axis) for axis in right.free]
    return transposed(found, [names.index(name) for name in wanted])


def _axis_name(side: _Side, axis: int, left: _Side) -> tuple[str, int]:
    if axis in side.batch:
        return 'batch', side.batch.index(axis)
    return ('left' if side is left else 'right'), axis


def _held(side: _Side, axis: int) -> Any:
    """Returns the size of an axis in the tensor that holds the array."""
    return side.view.held[side.view.order[axis]]


def _is_one(size: Any) -> bool:
    return is_number(size) and size == 1


def _stacked(graph: Graph, operand: _Operand) -> str:
    """Returns the name of a tensor with an array as a stack of matrices."""
    view = in_order(graph, operand.side.view, np.argsort(operand.axes).tolist())
    sizes = [_product([_held(operand.side, axis) for axis in group]) for group in operand.groups]
    if len(sizes) == len(view.held) and all(map(same, sizes, view.held)):
        return name_of(graph, view)
    if view.weight:
        return graph.weight(view.weight, sizes)
    if view.constant is not None:
        return graph.constant(view.constant.reshape(sizes))
    return reshape(graph, view.tensor, sizes)


def _product(sizes: Sequence[Any]) -> Any:
    result: Any = 1
    for size in sizes:
        result = size if _is_one(result) else result * size
    return result
