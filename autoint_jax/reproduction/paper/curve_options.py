"""The curves of the paper: the option of AutoInt that varies, its values, and the criteria of the curve."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from autoint_jax.reproduction.paper import curve_criteria
from autoint_jax.reproduction.paper.curve_criteria import Criterion, Means


class Curve(NamedTuple):
    """A curve: test figures of AutoInt over the values of one option.

    Attributes:
      name: the name of its record, before _DATASET.
      title: the title of its table and figure.
      option: the dotted path of the option that varies, a whole number.
      label: the option in words.
      values: the values that are run if none are chosen.
      published_value: the value of Table 2.
      criteria: returns the criteria for a data set and the mean figures of each value.
      fixed: {option: value} that every point has in place of the base. Figures of the paper do not stand beside such a
        curve.
      fixed_name: the end of the names of runs with fixed options; '' if there are none.
    """

    name: str
    title: str
    option: str
    label: str
    values: tuple[int, ...]
    published_value: int
    criteria: Callable[[str, Means], list[Criterion]]
    fixed: Mapping[str, Any] = MappingProxyType({})
    fixed_name: str = ''


DEPTH = Curve(
    'figure5_depth',
    'Figure 5, number of interacting layers',
    'model.num_layers',
    'interacting layers',
    (0, 1, 2, 3, 4),
    3,
    curve_criteria.depth,
)
EMBEDDING_SIZE = Curve(
    'figure6_embedding_size',
    'Figure 6, size of embeddings',
    'model.embedding_dim',
    'values in an embedding',
    (8, 16, 24, 32),
    16,
    curve_criteria.embedding_size,
)
# The paper says that large embeddings are worse because they overfit, which dropout prevents. The runs for the value of
# the base are those of the item `dropout` of `ablations`.
WITHOUT_DROPOUT = EMBEDDING_SIZE._replace(
    name='figure6_without_dropout',
    title='Figure 6 without dropout, size of embeddings',
    fixed={'model.attention_dropout': 0.0, 'model.embedding_dropout': 0.0},
    fixed_name='_dropout',
)
HEADS = Curve(
    'heads', 'Number of heads, each of the same width', 'model.num_heads', 'heads', (1, 2, 4), 2, curve_criteria.heads
)
CURVES = (DEPTH, EMBEDDING_SIZE, WITHOUT_DROPOUT, HEADS)
