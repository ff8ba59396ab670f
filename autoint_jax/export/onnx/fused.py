"""Operators that stand for several: a softmax and a LayerNorm, found in the operations of which models make them."""

from typing import NamedTuple

from onnx import helper

from autoint_jax.export.onnx.graph import Graph


def softmax(graph: Graph, name: str) -> str | None:
    """Returns the softmax that a product is: exp(x - max(x)) * (1 / sum(exp(x - max(x)))); None if it is none.

    So models compute it (`models/layers/softmax.py`).

    Args:
      graph: the graph.
      name: a tensor of it.
    """
    product = graph.producer(name, 'Mul')
    power = product and graph.producer(product.inputs[0], 'Exp')
    inverse = product and graph.producer(product.inputs[1], 'Div')
    one = inverse and graph.value_of(inverse.inputs[0])
    summed = inverse and graph.producer(inverse.inputs[1], 'ReduceSum')
    difference = power and graph.producer(power.inputs[0], 'Sub')
    largest = difference and graph.producer(difference.inputs[1], 'ReduceMax')
    if not (product and summed and difference and largest) or one is None or not (one == 1).all():
        return None
    kept = all(helper.get_node_attr_value(node.proto, 'keepdims') for node in (summed, largest))
    axes = graph.value_of(summed.inputs[1])
    if (
        not kept
        or axes is None
        or len(axes) != 1
        or summed.inputs != (product.inputs[0], largest.inputs[1])
        or largest.inputs[0] != difference.inputs[0]
    ):
        return None
    return graph.node('Softmax', difference.inputs[0], axis=int(axes[0]))


def layer_norm(graph: Graph, name: str, rank: int) -> str | None:
    """Returns the LayerNorm over the last axis that a sum is; None if it is none.

    With c = x - mean(x) it is c / sqrt(mean(c * c) + epsilon) * scale + offset, where scale and offset are weights. The
    three factors may be multiplied in any order.

    Args:
      graph: the graph.
      name: a tensor of it.
      rank: the number of its axes.
    """
    total = graph.producer(name, 'Add')
    for product, offset in (total.inputs, total.inputs[::-1]) if total else ():
        factors = _factors(graph, product)
        scales = [factor for factor in factors if graph.weight_sizes(factor)]
        inverses = [factor for factor in factors if graph.producer(factor, 'Reciprocal')]
        centred = [factor for factor in factors if graph.producer(factor, 'Sub')]
        if not (len(factors) == 3 and len(scales) == len(inverses) == len(centred) == 1):
            continue
        difference = graph.producer(centred[0], 'Sub')
        mean = difference and _mean(graph, difference.inputs[1], rank)
        root = _variance(graph, inverses[0], centred[0], rank)
        if not (difference and mean and root) or mean.of != difference.inputs[0] or root.of != centred[0]:
            continue
        scale, offset_vector = (graph.weight_as(tensor, [mean.width]) for tensor in (scales[0], offset))
        if scale and offset_vector and root.width == mean.width:
            return graph.node(
                'LayerNormalization', mean.of, scale, offset_vector, axis=rank - 1, epsilon=float(root.epsilon)
            )
    return None


class _Mean(NamedTuple):
    """A mean over the last axis.

    Attributes:
      of: the tensor whose mean it is, or the one whose squares it is the mean of.
      width: number of values.
      epsilon: added to it.
    """

    of: str
    width: int
    epsilon: float = 0.0


def _factors(graph: Graph, name: str) -> list[str]:
    """Returns the tensors whose product a tensor is, at most those of two multiplications."""
    found = [name]
    for _ in range(2):
        place = next((place for place, one in enumerate(found) if graph.producer(one, 'Mul')), None)
        if place is None:
            break
        product = graph.producer(found[place], 'Mul')
        assert product is not None
        found[place : place + 1] = product.inputs
    return found


def _mean(graph: Graph, name: str, rank: int) -> _Mean | None:
    """Returns the mean over the last axis, which is kept, that a tensor is; None if it is none."""
    shaped = graph.producer(name, 'Reshape')
    shape = shaped and graph.value_of(shaped.inputs[1])
    if shaped and (shape is None or len(shape) != rank or shape[-1] != 1):
        return None
    quotient = graph.producer(shaped.inputs[0] if shaped else name, 'Div')
    summed = quotient and graph.producer(quotient.inputs[0], 'ReduceSum')
    count = quotient and graph.value_of(quotient.inputs[1])
    axes = summed and graph.value_of(summed.inputs[1])
    if not (quotient and summed) or count is None or axes is None or count.size != 1 or axes.tolist() != [rank - 1]:
        return None
    if bool(helper.get_node_attr_value(summed.proto, 'keepdims')) == bool(shaped):
        return None
    return _Mean(summed.inputs[0], int(count.item()))


def _variance(graph: Graph, name: str, centred: str, rank: int) -> _Mean | None:
    """Returns the mean of squares in a tensor 1 / sqrt(mean(c * c) + epsilon); None if it is none."""
    inverse = graph.producer(name, 'Reciprocal')
    root = inverse and graph.producer(inverse.inputs[0], 'Sqrt')
    total = root and graph.producer(root.inputs[0], 'Add')
    mean = total and _mean(graph, total.inputs[0], rank)
    epsilon = total and graph.value_of(total.inputs[1])
    square = mean and graph.producer(mean.of, 'Mul')
    if not (mean and square) or epsilon is None or epsilon.size != 1 or square.inputs != (centred, centred):
        return None
    return _Mean(centred, mean.width, epsilon.item())
