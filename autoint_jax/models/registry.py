"""Models by name."""

import flax.linen as nn
import jax

from autoint_jax.config import ModelConfig
from autoint_jax.errors import UsageError, nearest
from autoint_jax.models.autoint import AutoInt
from autoint_jax.models.tables import TableSpec
from autoint_jax.schema import Schema

MODELS = {
    'autoint': AutoInt,
}


def build(config: ModelConfig, schema: Schema) -> tuple[nn.Module, dict[str, TableSpec]]:
    """The model of a configuration and the tables it looks up. Raises UsageError on an unknown name."""
    if config.name not in MODELS:
        raise UsageError(f'unknown model {config.name!r}{nearest(config.name, list(MODELS))}; '
                         f'known: {", ".join(MODELS)}')
    model = MODELS[config.name]
    return model(config, schema), model.table_specs(config)


def parameter_count(params: dict) -> int:
    """Parameters outside the embeddings, as the paper's Table 3 counts them."""
    return sum(leaf.size for name, part in params.items() if name != 'embedding' for leaf in jax.tree.leaves(part))
