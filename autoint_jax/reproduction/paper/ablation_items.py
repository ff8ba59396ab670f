"""The items of the ablations. Each changes options of AutoInt in the base."""

from typing import Any

# {item: options that it changes in the base, which has model.variant 'authors'}
ITEMS: dict[str, dict[str, Any]] = {
    'score_scale': {'model.score_scale': 'one'},
    'projection_activation': {'model.projection_activation': 'none'},
    'projection_bias': {'model.projection_bias': 'off'},
    'layer_norm': {'model.layer_norm': 'off'},
    'residual_projection': {'model.residual_projection': 'where_needed'},
    'paper_variant': {'model.variant': 'paper'},
    'attention_dropout': {'model.attention_dropout': 0.0},
    'embedding_dropout': {'model.embedding_dropout': 0.0},
    'dropout': {'model.attention_dropout': 0.0, 'model.embedding_dropout': 0.0},
    'deferred_adam': {'optimizer.tables': 'deferred_adam'},
    'lazy_adam': {'optimizer.tables': 'lazy_adam'},
}
