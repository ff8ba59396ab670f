"""What values the options of models may have."""

# Options that name a choice, and their values. 'model' follows the model's paper, or in AutoInt the chosen variant.
CHOICES = {
    'variant': ('paper', 'authors'),
    'compute_dtype': ('float32', 'bfloat16'),
    'combiner': ('mean', 'sum'),
    'numeric_encoding': ('scaled', 'buckets', 'piecewise_linear', 'periodic'),
    'score_scale': ('model', 'one', 'head_dim'),
    'kernel_init': ('model', 'xavier_normal'),
    'projection_activation': ('model', 'none', 'relu'),
    'projection_bias': ('model', 'off', 'on'),
    'layer_norm': ('model', 'off', 'before_activation', 'after_activation'),
    'residual_projection': ('always', 'where_needed'),
    'deep_output': ('sum', 'concatenated'),
    'branch_loss': ('model', 'off'),
    'factors': ('concatenated', 'sum'),
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
    'product_tokens',
    'linear_tokens',
    'num_tokens',
    'token_width',
)
SHARES = (
    'attention_dropout',
    'embedding_dropout',
    'deep_dropout',
    'feedforward_dropout',
    'residual_dropout',
    'shallow_dropout',
)
WIDTHS = ('head_hidden', 'deep_hidden', 'second_hidden', 'gate_hidden', 'product_hidden', 'cin_widths', 'unit_widths')
ABOVE_ZERO = ('embedding_stddev', 'periodic_scale', 'mask_ratio', 'feedforward_ratio')
# The largest values, far above those of published models. Beyond them a program compiles for hours or fits nowhere.
AT_MOST = {
    'num_layers': 256,
    'shallow_layers': 256,
    'product_tokens': 4_096,
    'linear_tokens': 4_096,
    'num_tokens': 4_096,
    'product_rank': 65_536,
    'token_width': 65_536,
    'value_dim': 65_536,
    'joint_rank': 65_536,
    'joint_value_rank': 65_536,
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
AT_LEAST_ZERO = (
    'num_layers',
    'shallow_layers',
    'cross_rank',
    'product_rank',
    'value_dim',
    'joint_rank',
    'joint_value_rank',
    'width_scale',
    'width_power',
)
