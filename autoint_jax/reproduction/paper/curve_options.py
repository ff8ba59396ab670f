"""The curves of the paper: which option of AutoInt varies, over which values, and how the curve is judged."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from autoint_jax.reproduction.paper import curve_criteria
from autoint_jax.reproduction.paper.curve_criteria import Criterion, Means


class Curve(NamedTuple):
    """What is varied, and how it is judged.

    Attributes:
      name: of the record, before _DATASET.
      title: of table and figure.
      option: the option that varies, by its dotted path; a whole number.
      label: what it is, in words.
      values: those that are run where none are chosen.
      published_value: the one of Table 2.
      criteria: (data set, means) -> what is asked of them.
      fixed: options that every value has in place of the base's; the paper's figures are not beside such a curve.
      fixed_name: of runs with these options, behind the base's; '' where there are none.
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
# Dropout is what keeps embeddings from overfitting, for which the paper says that large ones are worse. The runs of the base's value are
# those of the item `dropout` of `ablations`.
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
