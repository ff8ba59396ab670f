"""The options of models. A model reads some of them (its `OPTIONS`); setting another is an error, not a silence."""

import dataclasses

from autoint_jax.config.options import check, option

# Options that name a choice, and their values. 'model' is what the model's paper says, for AutoInt what its variant says.
CHOICES = {
    'variant': ('paper', 'authors'),
    'compute_dtype': ('float32', 'bfloat16'),
    'combiner': ('mean', 'sum'),
    'numeric_encoding': ('scaled', 'buckets', 'piecewise_linear', 'periodic'),
    'score_scale': ('model', 'one', 'head_dim'),
    'projection_activation': ('model', 'none', 'relu'),
    'projection_bias': ('model', 'off', 'on'),
    'layer_norm': ('model', 'off', 'before_activation', 'after_activation'),
    'residual_projection': ('always', 'where_needed'),
    'deep_output': ('sum', 'concatenated'),
}
AT_LEAST_ONE = (
    'embedding_dim',
    'num_heads',
    'head_dim',
    'numeric_bins',
    'attention_dim',
    'cross_experts',
    'mask_width',
    'fusion_heads',
)
SHARES = ('attention_dropout', 'embedding_dropout', 'deep_dropout', 'feedforward_dropout', 'residual_dropout')
WIDTHS = ('head_hidden', 'deep_hidden', 'second_hidden', 'gate_hidden', 'cin_widths', 'unit_widths')
ABOVE_ZERO = ('embedding_stddev', 'periodic_scale', 'mask_ratio', 'feedforward_ratio')
# The largest values, generous beside any published model: beyond them a program compiles for hours or does not fit anywhere.
AT_MOST = {
    'num_layers': 256,
    'num_heads': 256,
    'order': 64,
    'cross_experts': 256,
    'fusion_heads': 256,
    'embedding_dim': 65_536,
    'head_dim': 65_536,
    'numeric_bins': 65_536,
    'attention_dim': 65_536,
    'mask_width': 65_536,
    'cross_rank': 65_536,
    'mask_ratio': 1_024,
    'feedforward_ratio': 1_024,
}
MOST_WIDTHS, MOST_WIDTH = 256, 1_000_000  # hidden layers of a network, and values of each
AT_LEAST_ZERO = ('num_layers', 'cross_rank', 'width_scale', 'width_power')


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    name: str = option('autoint', 'model, by its name in autoint_jax/models/registry.py')
    variant: str = option(
        'paper',
        "'paper' (the equations) or 'authors' (the published code: ReLU and bias on the "
        'projections, scaled scores, LayerNorm)',
    )
    embedding_dim: int = option(16, 'embedding dimension d of every field')
    num_layers: int = option(
        3, 'interacting layers, cross layers, blocks; in AutoInt 0 leaves the output layer on the embeddings'
    )
    num_heads: int = option(2, 'attention heads of a layer')
    head_dim: int = option(32, "width d' of a head; a layer's output is num_heads * head_dim wide")
    residual: bool = option(True, 'add W_Res e_m before the activation (Eq. 8)')
    attention_dropout: float = option(0.0, 'share of attention weights dropped in training')
    embedding_dropout: float = option(
        0.0,
        'share of embedding values dropped in training; in FM, AFM, NFM and HOFM, of the summed products of embeddings',
    )
    head_hidden: tuple[int, ...] = option((), 'hidden widths of the output layer; none = linear, as in Eq. 9')
    deep_hidden: tuple[int, ...] = option(
        (), 'hidden widths of the deep network, alone or beside another part; none = off'
    )
    deep_dropout: float = option(0.0, 'share of hidden values dropped in the deep network')
    compute_dtype: str = option(
        'float32',
        "type of the interacting layers' products: 'float32' or 'bfloat16'; sums, softmax, "
        'tables, parameters and optimizer are float32 in both',
    )
    # Embeddings.
    embedding_stddev: float = option(0.01, 'standard deviation of initial embeddings; the authors 0.01, BARS 1e-4')
    combiner: str = option(
        'mean',
        "of the q values of a multivalued field: 'mean' (Eq. 3; where values are features of their own, "
        "x_i = 1 / q) or 'sum' (x_i = 1)",
    )
    width_scale: float = option(
        0.0,
        "a of a field's own embedding dimension a * cardinality ** b, rounded up to a power of "
        'two, at most embedding_dim; 0 = off',
    )
    width_power: float = option(0.25, 'b of the same')
    numeric_encoding: str = option(
        'scaled',
        "numeric fields: 'scaled' (v_m * x_m, Eq. 4), 'buckets' (a vector a quantile "
        "bucket), 'piecewise_linear' or 'periodic' (Gorishniy et al., 2022)",
    )
    numeric_bins: int = option(16, 'quantile bins of a numeric field, or its frequencies if periodic')
    periodic_scale: float = option(0.1, 'standard deviation of initial frequencies of periodic encodings')
    # What implementations of AutoInt differ in.
    score_scale: str = option(
        'model',
        "factor of attention scores: 'one', 'head_dim' (1 / sqrt(head_dim)), or 'model': "
        "one in AutoInt's paper variant, head_dim in the authors'",
    )
    projection_activation: str = option(
        'model', "on query, key, value and residual: 'none', 'relu' or as the model has it"
    )
    projection_bias: str = option('model', "bias of the projections: 'off', 'on' or as the model has it")
    layer_norm: str = option(
        'model',
        "LayerNorm of an interacting layer: 'off', 'before_activation' (FuxiCTR), "
        "'after_activation' (the authors' code) or as the model has it",
    )
    residual_projection: str = option(
        'always', "W_Res in every layer ('always', the paper) or only where widths differ ('where_needed', FuxiCTR)"
    )
    wide: bool = option(False, 'add the first-order part, w^T x, to the logits')
    deep_output: str = option(
        'sum',
        "deep network beside AutoInt: logits are added ('sum', the authors) or one output layer "
        "reads both parts ('concatenated', DeepCTR)",
    )
    # Deep networks.
    deep_batch_norm: bool = option(
        False, 'batch normalisation before the activation of hidden layers, with running statistics'
    )
    unit_widths: tuple[int, ...] = option((100, 100, 100, 100), 'Deep Crossing: hidden widths of the residual units')
    # Pairs and higher orders.
    attention_dim: int = option(16, 'AFM: width of the attention network')
    order: int = option(3, 'HOFM: highest order of interactions')
    cin_widths: tuple[int, ...] = option((200, 200, 200), 'CIN: feature maps of each layer')
    cin_split: bool = option(
        True,
        'CIN: half of the maps of a layer but the last go to the output, the other half to the '
        "next layer, as in its authors' code; off = all go to both",
    )
    cross_rank: int = option(0, 'DCN-V2: rank of the cross matrices; 0 = full')
    cross_experts: int = option(1, 'DCN-V2: experts of a low-rank cross layer')
    cross_stacked: bool = option(False, 'DCN-V2: the deep network reads the cross layers; off = it stands beside them')
    # Recent models.
    second_hidden: tuple[int, ...] = option((), 'FinalMLP: hidden widths of the second stream; none = as deep_hidden')
    gate_hidden: tuple[int, ...] = option((), 'FinalMLP: hidden widths of the feature gates; none = no gates')
    fusion_heads: int = option(1, 'FinalMLP: heads of the bilinear fusion')
    mask_width: int = option(64, 'MaskNet: output width of a block')
    mask_ratio: float = option(2.0, "MaskNet: width of a mask's aggregation layer over that of its output")
    mask_parallel: bool = option(True, 'MaskNet: blocks side by side on the embeddings; off = one after the other')
    feedforward_ratio: float = option(
        4 / 3, 'FT-Transformer: width of the feed-forward layer over the embedding dimension'
    )
    feedforward_dropout: float = option(0.0, 'FT-Transformer: share of feed-forward values dropped in training')
    residual_dropout: float = option(0.0, 'FT-Transformer: share of values dropped before a residual sum in training')

    def __post_init__(self):
        for name, values in CHOICES.items():
            check(getattr(self, name) in values, f'model.{name}', getattr(self, name), f'one of {", ".join(values)}')
        for name in AT_LEAST_ONE:
            check(getattr(self, name) >= 1, f'model.{name}', getattr(self, name), 'at least 1')
        for name in AT_LEAST_ZERO:
            check(getattr(self, name) >= 0, f'model.{name}', getattr(self, name), 'at least 0')
        for name in ABOVE_ZERO:
            check(getattr(self, name) > 0, f'model.{name}', getattr(self, name), 'above 0')
        for name, most in AT_MOST.items():
            check(getattr(self, name) <= most, f'model.{name}', getattr(self, name), f'at most {most:,}')
        for name in SHARES:
            check(0 <= getattr(self, name) < 1, f'model.{name}', getattr(self, name), 'at least 0 and below 1')
        for name in WIDTHS:
            check(
                all(width >= 1 for width in getattr(self, name)),
                f'model.{name}',
                getattr(self, name),
                'made of widths of at least 1',
            )
            check(
                len(getattr(self, name)) <= MOST_WIDTHS and max(getattr(self, name), default=0) <= MOST_WIDTH,
                f'model.{name}',
                _short(getattr(self, name)),
                f'made of at most {MOST_WIDTHS} widths of at most {MOST_WIDTH:,}',
            )
        check(self.order >= 2, 'model.order', self.order, 'at least 2')
        check(
            self.cross_experts == 1 or self.cross_rank > 0,
            'model.cross_experts',
            self.cross_experts,
            '1 with full cross matrices (model.cross_rank 0)',
        )
        check(
            not self.cross_stacked or len(self.deep_hidden) > 0,
            'model.cross_stacked',
            self.cross_stacked,
            'off without a deep network (model.deep_hidden)',
        )


def _short(widths: tuple[int, ...]) -> tuple[int, ...] | str:
    """Widths for a message."""
    return widths if len(widths) <= 8 else f'{len(widths)} widths, {widths[0]}, {widths[1]}, ...'
