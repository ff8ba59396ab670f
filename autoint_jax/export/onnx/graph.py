"""An ONNX graph that grows node by node. Equal nodes are made once, and only those that an output needs are kept."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper

from autoint_jax.bundle.weights import Tensor

OPSET, ML_OPSET, IR = 21, 4, 10  # versions of the operators of ONNX, of those of ai.onnx.ml, and of the format
ML = 'ai.onnx.ml'
TYPES: dict[str, int] = {
    'float32': TensorProto.FLOAT,
    'float64': TensorProto.DOUBLE,
    'bfloat16': TensorProto.BFLOAT16,
    'int8': TensorProto.INT8,
    'int32': TensorProto.INT32,
    'int64': TensorProto.INT64,
    'uint64': TensorProto.UINT64,
    'uint32': TensorProto.UINT32,
    'bool': TensorProto.BOOL,
    'text': TensorProto.STRING,
}


class Node(NamedTuple):
    """A node of the graph.

    Attributes:
      op: the operator.
      inputs: names of tensors; '' for an optional input that is left out.
      outputs: names of tensors.
      proto: as ONNX stores it.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    proto: onnx.NodeProto


class Port(NamedTuple):
    """An input or an output of a graph.

    Attributes:
      name: its name.
      dtype: one of TYPES.
      shape: its sizes; a text is the name of a size that may be any number.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]


class Graph:
    """An ONNX graph. Its weights are external data, bytes of one file that the graph does not hold.

    Attributes:
      reduced: {tensor: (operator, operand, axes, sizes of the operand)} of tensors that were reduced along axes.
    """

    def __init__(self, tensors: Mapping[str, Tensor], location: str = 'weights.bin', prefix: str = ''):
        """Takes the places of the weights in a file, the name of that file beside the model, and a prefix of names."""
        self._tensors, self._location, self._prefix = tensors, location, prefix
        self._nodes: list[Node] = []
        self._made: dict[Any, tuple[str, ...]] = {}
        self._by_output: dict[str, Node] = {}
        self._initializers: dict[str, TensorProto] = {}
        self._constants: dict[str, np.ndarray] = {}
        self._sizes: dict[str, str] = {}
        self._weights: dict[str, str] = {}  # {tensor: name of the weight}
        self._count = 0
        self.reduced: dict[str, tuple[str, str, tuple[int, ...], tuple[Any, ...]]] = {}

    def node(self, op: str, *inputs: str, domain: str = '', **attributes: Any) -> str:
        """Adds a node with one output, and returns the output's name."""
        return self.nodes(op, inputs, 1, domain, **attributes)[0]

    def nodes(
        self, op: str, inputs: Sequence[str], outputs: int, domain: str = '', **attributes: Any
    ) -> tuple[str, ...]:
        """Adds a node with several outputs, unless there is an equal one, and returns their names."""
        graphs = [value for value in attributes.values() if isinstance(value, onnx.GraphProto)]
        plain = {name: value for name, value in attributes.items() if not isinstance(value, onnx.GraphProto)}
        key = (op, domain, *inputs, outputs, *(f'{name}={value}' for name, value in sorted(plain.items())))
        if not graphs and key in self._made:
            return self._made[key]
        names = tuple(self._name(op) for _ in range(outputs))
        proto = helper.make_node(op, list(inputs), list(names), name=names[0], domain=domain, **attributes)
        within = (name for graph in graphs for inner in graph.node for name in inner.input)  # tensors around the branch
        node = Node(op, (*inputs, *within), names, proto)
        self._nodes.append(node)
        self._by_output |= dict.fromkeys(names, node)
        if not graphs:
            self._made[key] = names
        return names

    def producer(self, name: str, op: str) -> Node | None:
        """Returns the node that makes a tensor if it is one of an operator, else None."""
        node = self._by_output.get(name)
        return node if node is not None and node.op == op else None

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Returns the name of a constant tensor with such values, which the graph holds. Texts are objects of str."""
        array = np.asarray(values, dtype)
        text = array.dtype == object
        key = ('constant', str(array.dtype), array.shape, tuple(array.ravel()) if text else array.tobytes())
        if key not in self._made:
            name = self._name('constant')
            if text:
                tensor = helper.make_tensor(
                    name, TensorProto.STRING, array.shape, [value.encode() for value in array.ravel()]
                )
            else:
                kind = 'bfloat16' if array.dtype == ml_dtypes.bfloat16 else array.dtype.name
                bits = np.ascontiguousarray(array).astype(array.dtype.newbyteorder('<'), copy=False)
                tensor = helper.make_tensor(name, TYPES[kind], array.shape, bits.tobytes(), raw=True)
            self._initializers[name] = tensor
            self._constants[name] = array
            self._made[key] = (name,)
        return self._made[key][0]

    def value_of(self, name: str) -> np.ndarray | None:
        """Returns the values of a constant, None for another tensor."""
        return self._constants.get(name)

    def whole_numbers(self, *values: int) -> str:
        """Returns the name of a constant int64 [n], such as axes and shapes are given by."""
        return self.constant(values, np.int64)

    def weight(self, name: str, shape: Sequence[int] | None = None) -> str:
        """Returns the name of a weight, by default in its own shape; another shape must have as many values."""
        tensor = self._tensors[name]
        sizes = tensor.shape if shape is None else tuple(shape)
        key = ('weight', name, sizes)
        if key not in self._made:
            label = name if sizes == tensor.shape else f'{name}[{",".join(map(str, sizes))}]'
            proto = TensorProto(name=label, data_type=TYPES[tensor.dtype], dims=sizes)
            if math.prod(sizes):
                proto.data_location = TensorProto.EXTERNAL
                for part, text in (
                    ('location', self._location),
                    ('offset', str(tensor.offset)),
                    ('length', str(tensor.bytes)),
                ):
                    proto.external_data.add(key=part, value=text)
            self._initializers[label] = proto
            self._weights[label] = name
            self._made[key] = (label,)
        return self._made[key][0]

    def weight_as(self, label: str, shape: Sequence[int]) -> str | None:
        """Returns the name of a weight in another shape; None if a tensor is no weight, or has more or fewer values."""
        name = self._weights.get(label)
        if name is None or math.prod(self._tensors[name].shape) != math.prod(shape):
            return None
        return self.weight(name, shape)

    def weight_sizes(self, name: str) -> tuple[int, ...] | None:
        """Returns the sizes of a tensor that is a weight, None for another tensor."""
        return (
            None if name in self._constants or name not in self._initializers else tuple(self._initializers[name].dims)
        )

    def bind_size(self, symbol: str, tensor: str, axis: int) -> None:
        """Says that a size without a number is that of an axis of a tensor. The first word about a size counts."""
        self._sizes.setdefault(symbol, self.node('Shape', tensor, start=axis, end=axis + 1))

    def size(self, symbol: str) -> str:
        """Returns the name of a tensor int64 [1] with the size of that name."""
        return self._sizes[symbol]

    def model(self, name: str, inputs: Sequence[Port], outputs: Sequence[tuple[Port, str]]) -> onnx.ModelProto:
        """Returns the model whose outputs are the given tensors of the graph, under the names of their ports."""
        last = [helper.make_node('Identity', [tensor], [port.name], name=port.name) for port, tensor in outputs]
        kept, initializers = self._needed([tensor for _, tensor in outputs])
        protos = [*kept, *last]
        described = [_described(port) for port in inputs], [_described(port) for port, _ in outputs]
        graph = helper.make_graph(protos, name, *described, initializers)
        opsets = [helper.make_opsetid('', OPSET)]
        if any(proto.domain == ML for proto in protos):
            opsets.append(helper.make_opsetid(ML, ML_OPSET))
        return helper.make_model(graph, ir_version=IR, opset_imports=opsets, producer_name='autoint_jax')

    def branch(self, *outputs: str) -> onnx.GraphProto:
        """Returns the graph as a branch of a node If. It takes tensors from the graph around it."""
        kept, initializers = self._needed(outputs)
        described = [onnx.ValueInfoProto(name=output) for output in outputs]
        return helper.make_graph(kept, f'{self._prefix}branch', [], described, initializers)

    def _needed(self, outputs: Sequence[str]) -> tuple[list[onnx.NodeProto], list[TensorProto]]:
        """Returns the nodes and the constants and weights that some outputs need."""
        wanted, kept = set(outputs), []
        for node in reversed(self._nodes):
            if wanted & set(node.outputs):
                kept.append(node.proto)
                wanted |= set(node.inputs)
        return kept[::-1], [proto for label, proto in self._initializers.items() if label in wanted]

    def _name(self, op: str) -> str:
        self._count += 1
        return f'{self._prefix}{op}_{self._count}'


def _described(port: Port) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(port.name, TYPES[port.dtype], port.shape)
