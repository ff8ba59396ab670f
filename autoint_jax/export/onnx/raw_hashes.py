"""Ids of hashed texts in a graph: the CRC-32 of `data/encoding/transforms.py`, without an operator that reads bytes.

ONNX has none, so regular expressions tell the bits of each character. That is why texts are of ASCII, and not long.
"""

from typing import NamedTuple

import numpy as np
from onnx import TensorProto

from autoint_jax.export.onnx import raw_texts
from autoint_jax.export.onnx.graph import Graph
from autoint_jax.export.onnx.hashed_texts import LONGEST

_AT_ONCE = 8  # characters that are left out together if no text is so long
_BITS, _ALL = 7, 0xFFFFFFFF
_POLYNOMIAL = 0xEDB88320  # of CRC-32, lowest bit last


class Hashed(NamedTuple):
    """The ids of texts.

    Attributes:
      ids: tensor int64 [n], 1 to the number of buckets; 0 for an empty text.
      failed: tensor bool [n]: texts that are too long, or not of ASCII, so that the graph has no id for them.
    """

    ids: str
    failed: str


def hashed(graph: Graph, texts: str, buckets: int, name: str) -> Hashed:
    """Hashes texts [n] into buckets.

    Args:
      graph: the graph.
      texts: a tensor [n] of texts; '' is a missing value.
      buckets: number of buckets.
      name: a name that no other call for this graph has.
    """
    right = graph.node('RegexFullMatch', texts, pattern=rf'[\x01-\x7f]{{0,{LONGEST}}}')
    state = graph.node('Expand', _whole(graph, _ALL), graph.node('Shape', texts))
    for first in range(0, LONGEST, _AT_ONCE):
        longer = graph.node('RegexFullMatch', texts, pattern=rf'\C{{{first}}}\C+')
        count = graph.node('ReduceSum', graph.node('Cast', longer, to=TensorProto.INT32), keepdims=0)
        then, other = (Graph({}, prefix=f'{name}_{first}_{branch}_') for branch in ('then', 'else'))
        after = state
        for place in range(first, first + _AT_ONCE):
            after = _with_character(then, texts, place, after)
        state = graph.node(
            'If',
            graph.node('Greater', count, graph.constant(0, np.int32)),
            then_branch=then.branch(after),
            else_branch=other.branch(other.node('Identity', state)),
        )
    number = graph.node('Mod', graph.node('BitwiseXor', state, _whole(graph, _ALL)), _whole(graph, buckets))
    ids = graph.node('Add', number, _whole(graph, 1))
    missing = raw_texts.is_missing(graph, texts)
    return Hashed(graph.node('Where', missing, _whole(graph, 0), ids), graph.node('Not', right))


def _with_character(graph: Graph, texts: str, place: int, state: str) -> str:
    """Returns the states int64 [n] of the CRC after the character at a place; where there is none, as they were."""
    code = _whole(graph, 0)
    for bit in range(_BITS):
        has = graph.node('RegexFullMatch', texts, pattern=rf'\C{{{place}}}{_characters(bit)}\C*')
        code = graph.node('Add', code, graph.node('Where', has, _whole(graph, 1 << bit), _whole(graph, 0)))
    low = graph.node('BitwiseAnd', graph.node('BitwiseXor', state, code), _whole(graph, 255))
    table = graph.node('Gather', graph.constant(_table()), low, axis=0)
    after = graph.node('BitwiseXor', table, graph.node('Div', state, _whole(graph, 256)))
    return graph.node('Where', graph.node('Greater', code, _whole(graph, 0)), after, state)


def _characters(bit: int) -> str:
    """Returns a regular expression of the characters of ASCII whose code has a bit."""
    size = 1 << bit
    ranges = (rf'\x{first:02x}-\x{first + size - 1:02x}' for first in range(size, 1 << _BITS, 2 * size))
    return f'[{"".join(ranges)}]'


def _table() -> np.ndarray:
    """Returns what each lowest byte of a state adds to the state after it, int64 [256]."""
    table = np.arange(256, dtype=np.int64)
    for _ in range(8):
        table = np.where(table & 1, _POLYNOMIAL ^ (table >> 1), table >> 1)
    return table


def _whole(graph: Graph, value: int) -> str:
    return graph.constant(np.int64(value))
