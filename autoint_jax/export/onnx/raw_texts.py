"""Texts in a graph: blanks around them, marks of missing values, ids of known values."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from onnx import TensorProto

from autoint_jax.export.onnx.graph import ML, Graph

MOST_PARTS = 64  # of a text that are joined again
ANY_TEXT = ' ' * MOST_PARTS  # among the known values of `stripped`, it says that every text counts
# Characters that Unicode counts as white space. Regular expressions of ONNX know only some of them as \s.
_WHITE = r'[\s\x{0b}\x{1c}-\x{1f}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]'
_OUTER = f'(?s)(?:{_WHITE}.*|.*{_WHITE})'  # texts that white space begins or ends


class Stripped(NamedTuple):
    """Texts without blanks around them.

    Attributes:
      texts: tensor of texts [n].
      failed: tensor bool [n]: texts around which there is still white space: characters other than the blank, or more
        than MOST_PARTS parts if a known value has so many, too.
    """

    texts: str
    failed: str


def stripped(graph: Graph, texts: str, known: Iterable[str]) -> Stripped:
    """Removes the blanks around texts [n].

    ONNX has no operator for that. Texts are split at blanks, and the parts from the first to the last that is not empty
    are joined again. This costs time, so it is skipped if no text has blanks around it.

    Args:
      graph: the graph.
      texts: a tensor [n].
      known: the values that the texts are compared with. A text of more parts becomes a text that is none of them.
    """
    outer = graph.node('RegexFullMatch', texts, pattern=_OUTER)
    count = graph.node('ReduceSum', graph.node('Cast', outer, to=TensorProto.INT32), keepdims=0)
    most = max((text.count(' ') + 1 for text in known), default=1)
    then, other = Graph({}, prefix=f'{count}_then_'), Graph({}, prefix=f'{count}_else_')
    rejoined = _rejoined(then, texts, most)
    joined, failed = graph.nodes(
        'If',
        [graph.node('Greater', count, graph.constant(0, np.int32))],
        2,
        then_branch=then.branch(rejoined, then.node('RegexFullMatch', rejoined, pattern=_OUTER)),
        else_branch=other.branch(other.node('Identity', texts), other.node('Identity', outer)),
    )
    return Stripped(joined, failed)


def _rejoined(graph: Graph, texts: str, known: int) -> str:
    """Returns texts [n] without the blanks around them; known values have at most so many parts between blanks."""
    most = min(known, MOST_PARTS)
    parts, _ = graph.nodes('StringSplit', [texts], 2, delimiter=' ')  # [n, m]
    full = graph.node('Cast', graph.node('Not', graph.node('Equal', parts, _text(graph, ''))), to=TensorProto.INT32)
    first, last = (
        graph.node('ArgMax', full, axis=1, keepdims=1, select_last_index=from_end) for from_end in (0, 1)
    )  # [n, 1]
    places = graph.node('Add', first, graph.constant(np.arange(most)[None]))  # [n, most]
    within = graph.node('LessOrEqual', places, last)
    picked = graph.node('GatherElements', parts, graph.node('Min', places, last), axis=1)
    picked = graph.node('Where', within, picked, _text(graph, ''))
    column = [graph.node('Gather', picked, graph.constant(np.int64(place)), axis=1) for place in range(most)]  # [n]
    joined = column[0]
    for place in range(1, most):
        used = graph.node('Gather', within, graph.constant(np.int64(place)), axis=1)
        blank = graph.node('Where', used, _text(graph, ' '), _text(graph, ''))
        joined = graph.node('StringConcat', graph.node('StringConcat', joined, blank), column[place])
    beyond = graph.node('Greater', graph.node('Sub', last, first), graph.constant(np.int64(most - 1)))
    beyond = graph.node('Squeeze', beyond, graph.whole_numbers(1))
    longer = graph.node('StringConcat', joined, _text(graph, ' +')) if known <= MOST_PARTS else texts
    joined = graph.node('Where', beyond, longer, joined)
    count = graph.node('ReduceSum', full, graph.whole_numbers(1), keepdims=0)
    return graph.node('Where', graph.node('Cast', count, to=TensorProto.BOOL), joined, _text(graph, ''))


def ids(graph: Graph, values: str, table: dict[str, int] | dict[int, int], unknown: int) -> str:
    """Returns the ids int64 of texts, or of int64, by a table; values that are not in it get the id `unknown`."""
    if not table:
        zeros = graph.node('Expand', graph.constant(np.int64(unknown)), graph.node('Shape', values))
        return zeros
    kind = 'strings' if isinstance(next(iter(table)), str) else 'int64s'
    keys = {f'keys_{kind}': list(table)}
    return graph.node(
        'LabelEncoder', values, domain=ML, values_int64s=list(table.values()), default_int64=unknown, **keys
    )


def without_marks(graph: Graph, texts: str, marks: Sequence[str]) -> str:
    """Returns texts of any shape, in which '' takes the place of marks of missing values."""
    marks = [mark for mark in dict.fromkeys(marks) if mark]
    if not marks:
        return texts
    is_mark = graph.node('Cast', ids(graph, texts, dict.fromkeys(marks, 1), 0), to=TensorProto.BOOL)
    return graph.node('Where', is_mark, _text(graph, ''), texts)


def is_missing(graph: Graph, texts: str) -> str:
    """Returns which texts are empty, bool."""
    return graph.node('Equal', texts, _text(graph, ''))


def _text(graph: Graph, text: str) -> str:
    """Returns the name of a single text."""
    return graph.constant(np.array(text, object))
