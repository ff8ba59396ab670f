"""Sizes of AutoInt that benchmarks measure, and the shapes of their data."""

from typing import NamedTuple

from autoint_jax.benchmarks.shapes import SHAPES, Shape, log_spaced
from autoint_jax.config.configuration import Config, replace


class Sizes(NamedTuple):
    """The sizes of an AutoInt and of the data that it trains on.

    Attributes:
      fields: number of fields.
      features: number of ids of all fields.
      embedding_dim: width of the embeddings, d.
      layers: number of interacting layers.
      heads: number of heads.
      head_dim: values of a head.
      batch: rows of a batch.
    """

    fields: int
    features: int
    embedding_dim: int
    layers: int
    heads: int
    head_dim: int
    batch: int

    def shape(self) -> Shape:
        """Returns the shape of the data, whose fields have 2 ids to very many."""
        return Shape(log_spaced(self.fields, 2, self.features))


# Those of the other suites, of BARS' configurations for three data sets, and sizes at the edges.
AUTOINTS = {
    'criteo': Sizes(39, 1_000_000, 16, 3, 2, 32, 1024),
    'frappe_bars': Sizes(10, 5_382, 10, 6, 4, 32, 4096),
    'avazu_bars': Sizes(24, 100_000, 16, 7, 2, 64, 8192),
    'criteo_bars': Sizes(39, 1_000_000, 16, 5, 1, 64, 8192),
    'wide': Sizes(22, 200_000, 64, 3, 4, 64, 2048),
    'many_fields': Sizes(100, 200_000, 16, 3, 2, 32, 1024),
    'most_fields': Sizes(400, 400_000, 16, 2, 2, 16, 256),
    'adult': Sizes(13, 120, 16, 3, 2, 32, 256),
    'small': Sizes(7, 3_500, 8, 1, 1, 16, 1024),
}


def sized(config: Config, sizes: Sizes) -> Config:
    """Returns a configuration with the sizes of an AutoInt."""
    options = {
        'model.embedding_dim': sizes.embedding_dim,
        'model.num_layers': sizes.layers,
        'model.num_heads': sizes.heads,
        'model.head_dim': sizes.head_dim,
        'training.batch_size': sizes.batch,
    }
    return replace(config, options)


def named_shape(name: str) -> Shape:
    """Returns the shape of a name in SHAPES, or else in AUTOINTS. Raises KeyError if it is in neither."""
    return SHAPES[name] if name in SHAPES else AUTOINTS[name].shape()
