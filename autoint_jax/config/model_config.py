"""The options of models. A model reads some of them (its `OPTIONS`); setting any other one is an error."""

import dataclasses

from autoint_jax.config.model_limits import (
    ABOVE_ZERO,
    AT_LEAST_ONE,
    AT_LEAST_ZERO,
    AT_MOST,
    CHOICES,
    MOST_WIDTH,
    MOST_WIDTHS,
    SHARES,
    WIDTHS,
)
from autoint_jax.config.options import check, check_choice, option


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The options of all models. The help of an option names its model if only one model reads it."""

    name: str = option('autoint', 'name of the model, one of those in autoint_jax/models/registry.py')
    variant: str = option(
        'paper',
        "version of AutoInt: 'paper' (its equations) or 'authors' (their published code, with ReLU and bias on the "
        'projections, scaled scores and LayerNorm)',
    )
    embedding_dim: int = option(16, 'embedding dimension d of every field')
    num_layers: int = option(
        3, 'number of layers or blocks of the model; with 0, the output layer of AutoInt reads the embeddings'
    )
    num_heads: int = option(2, 'number of attention heads in a layer')
    head_dim: int = option(32, "width d' of a head; a layer's output is num_heads * head_dim wide")
    residual: bool = option(True, 'add W_Res e_m before the activation (Eq. 8)')
    attention_dropout: float = option(0.0, 'fraction of attention weights dropped in training')
    embedding_dropout: float = option(
        0.0,
        'fraction of embedding values dropped in training; FM, AFM, NFM and HOFM drop values of the summed products of '
        'embeddings instead',
    )
    head_hidden: tuple[int, ...] = option(
        (), 'widths of hidden layers before the output (empty = a linear output, as in Eq. 9)'
    )
    deep_hidden: tuple[int, ...] = option(
        (), 'widths of the hidden layers of the deep network (empty = no deep network)'
    )
    deep_dropout: float = option(0.0, 'fraction of the hidden values of the deep network dropped in training')
    compute_dtype: str = option(
        'float32',
        "number type of the products in interacting layers: 'float32' or 'bfloat16'; sums, softmax, tables, "
        'parameters and optimizer are float32 with both',
    )
    # Embeddings.
    embedding_stddev: float = option(0.01, 'standard deviation of initial embeddings; the authors use 0.01, BARS 1e-4')
    combiner: str = option(
        'mean',
        "how the embeddings of the q values of a multivalued field are combined: 'mean' (Eq. 3; if values are "
        "features of their own, x_i = 1 / q) or 'sum' (x_i = 1)",
    )
    width_scale: float = option(
        0.0,
        'a in a * cardinality ** b, from which each field gets its own embedding dimension: rounded up to a power of '
        'two, at most embedding_dim (0 = all fields have embedding_dim)',
    )
    width_power: float = option(0.25, 'b in the formula of model.width_scale')
    numeric_encoding: str = option(
        'scaled',
        "how numeric fields are embedded: 'scaled' (v_m * x_m, Eq. 4), 'buckets' (one vector for each quantile "
        "bucket), 'piecewise_linear' or 'periodic' (both of Gorishniy et al., 2022)",
    )
    numeric_bins: int = option(
        16, 'number of quantile bins of a numeric field, or of frequencies if its encoding is periodic'
    )
    periodic_scale: float = option(0.1, 'standard deviation of initial frequencies of periodic encodings')
    # What implementations of AutoInt differ in.
    score_scale: str = option(
        'model',
        "factor of attention scores: 'one', 'head_dim' (1 / sqrt(head_dim)), or 'model': "
        "one in AutoInt's paper variant, head_dim in the authors'",
    )
    projection_activation: str = option(
        'model',
        "activation of query, key, value and residual: 'none', 'relu', or 'model' (as in the model's paper or variant)",
    )
    projection_bias: str = option(
        'model', "bias of the projections: 'off', 'on', or 'model' (as in the model's paper or variant)"
    )
    layer_norm: str = option(
        'model',
        "LayerNorm of an interacting layer: 'off', 'before_activation' (FuxiCTR), 'after_activation' (the authors' "
        "code), or 'model' (as in the model's paper or variant)",
    )
    kernel_init: str = option(
        'model',
        "how initial matrices of interacting layers are drawn: 'model' (Glorot uniform) or 'xavier_normal'; the latter "
        "draws vectors of 'scaled' numeric fields so, too, and first-order weights like embeddings, as FuxiCTR does",
    )
    residual_projection: str = option(
        'always',
        "which layers have W_Res: 'always' (every layer, as in the paper) or 'where_needed' (only layers whose input "
        'and output widths differ, as in FuxiCTR)',
    )
    wide: bool = option(False, 'add the first-order part, w^T x, to the logits')
    deep_output: str = option(
        'sum',
        "how AutoInt and the deep network are joined: 'sum' (adds their logits, as the authors do) or 'concatenated' "
        '(one output layer reads both, as in DeepCTR)',
    )
    # Deep networks.
    deep_batch_norm: bool = option(
        False, 'normalise over the batch before the activation of hidden layers; evaluations use running statistics'
    )
    unit_widths: tuple[int, ...] = option((100, 100, 100, 100), 'Deep Crossing: hidden widths of the residual units')
    # Pairs and higher orders.
    attention_dim: int = option(16, 'AFM: width of the attention network')
    order: int = option(3, 'HOFM: highest order of interactions')
    cin_widths: tuple[int, ...] = option((200, 200, 200), 'CIN: feature maps of each layer')
    cin_split: bool = option(
        True,
        'CIN: in each layer but the last, half of the maps go to the output and half to the next layer, as in the '
        "authors' code (off = all maps go to both)",
    )
    cross_rank: int = option(0, 'DCN-V2: rank of the cross matrices (0 = full rank)')
    cross_experts: int = option(1, 'DCN-V2: number of experts in a low-rank cross layer')
    cross_stacked: bool = option(
        False, 'DCN-V2: the deep network reads the output of the cross layers (off = it reads the embeddings)'
    )
    cross_gate: bool = option(False, 'DCN-V2: multiply what a cross layer adds by a gate, sigmoid(G x), as in GDCN')
    # Recent models.
    second_hidden: tuple[int, ...] = option(
        (),
        'FinalMLP: hidden widths of the second stream, FinalNet: widths of the second block (empty = the same as '
        'deep_hidden)',
    )
    gate_hidden: tuple[int, ...] = option((), 'FinalMLP: hidden widths of the feature gates (empty = no gates)')
    fusion_heads: int = option(1, 'FinalMLP: number of heads of the bilinear fusion')
    mask_width: int = option(64, 'MaskNet: output width of a block')
    mask_ratio: float = option(2.0, "MaskNet: width of a mask's aggregation layer, divided by the width of the mask")
    mask_parallel: bool = option(
        True, 'MaskNet: all blocks read the embeddings (off = each block reads the one before)'
    )
    feedforward_ratio: float = option(4 / 3, 'width of a feed-forward network, divided by the width of what it reads')
    feedforward_dropout: float = option(0.0, 'fraction of hidden values of feed-forward networks dropped in training')
    residual_dropout: float = option(
        0.0, 'fraction of values dropped before each residual sum of a Transformer block in training'
    )

    shallow_layers: int = option(0, 'FCN: number of layers of the linear cross branch (0 = as many as num_layers)')
    shallow_dropout: float = option(
        0.0, 'FCN: fraction of values dropped after each layer of the linear cross branch in training'
    )
    branch_loss: str = option(
        'model',
        "what training adds to the log loss for the branches of FCN and FinalNet: 'model' (as in the model's "
        "paper) or 'off' (nothing)",
    )

    gate_fields: bool = option(
        False, 'FinalNet: the first block also reads the embeddings multiplied by a gate for each field'
    )
    factors: str = option(
        'concatenated',
        "FinalNet: output of a layer whose linear map has the halves u and v: 'concatenated' ([u, u * v]) or 'sum' "
        '(u + u * v, of a map twice as wide)',
    )
    factor_relu: bool = option(False, 'FinalNet: each layer ends in a ReLU')
    product_tokens: int = option(16, 'Wukong: tokens that a layer makes from inner products of tokens')
    linear_tokens: int = option(16, 'Wukong: tokens that a layer makes by a linear map of tokens')
    product_rank: int = option(8, 'Wukong: columns that the products of all tokens are compressed to (0 = not at all)')
    product_hidden: tuple[int, ...] = option(
        (128,), 'Wukong: hidden widths of the network that makes tokens from inner products'
    )
    num_tokens: int = option(8, 'RankMixer: number of tokens; it must divide token_width')
    token_width: int = option(64, 'RankMixer: width of a token')

    # The ladder from AutoInt to Hiformer.
    value_dim: int = option(
        0, 'field_attention, HeteroAtt, Hiformer: width of the values of a head (0 = head_dim, as in AutoInt)'
    )
    field_projections: bool = option(
        False, 'field_attention: each field has its own projections to query, key and value'
    )
    field_output: bool = option(
        False,
        'field_attention: each field has its own output projection, with a residual sum and LayerNorm as in a '
        'Transformer instead of the projected residual and ReLU',
    )
    field_feedforward: bool = option(
        False, 'field_attention: each field has its own feed-forward network (needs field_output)'
    )
    joint_projections: bool = option(
        False, 'field_attention: queries, keys and values are linear maps of all fields together'
    )
    joint_rank: int = option(
        0, 'field_attention, Hiformer: rank of the matrices that make queries and keys from all fields (0 = full)'
    )
    joint_value_rank: int = option(
        0, 'field_attention, Hiformer: rank of the matrix that makes values from all fields (0 = full)'
    )

    def __post_init__(self):
        for name, values in CHOICES.items():
            check_choice(f'model.{name}', getattr(self, name), values)
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
    """Returns the widths as an error sentence shows them: the first two if there are many."""
    return widths if len(widths) <= 8 else f'{len(widths)} widths, {widths[0]}, {widths[1]}, ...'
