"""The form of the stack that is one fused GPU kernel for each layer (`pallas.py`)."""

import jax
import jax.numpy as jnp

from autoint_jax.errors import UsageError
from autoint_jax.models.interacting.pallas import interacting_layer, supported
from autoint_jax.models.interacting.stack import LayerWeights, Masks, StackSpec, layer_norm, mask_factors


def gpu_stack(
    x: jax.Array, layers: tuple[LayerWeights, ...], masks: Masks, spec: StackSpec, *, interpret: bool = False
) -> jax.Array:
    """Computes the stack, [b, f, d] -> [b, f, w], in the type of x; `interpret` runs the kernels on a CPU, slowly.

    Raises UsageError if the shapes of a layer do not fit the kernel.
    """
    for layer, mask in zip(layers, masks, strict=True):
        f, d = x.shape[1:]
        if not supported(f, d, spec.num_heads, spec.head_dim):
            raise UsageError(
                f"option 'execution.form' is 'gpu_kernel', but the kernels do not fit {f} fields, "
                f"inputs of width {d} and {spec.num_heads} heads of {spec.head_dim}; use 'einsum'"
            )
        if spec.norm_first or (spec.residual and layer.kernel.shape[1] == 3):
            raise UsageError(
                "option 'execution.form' is 'gpu_kernel', but the kernels have neither a LayerNorm before the "
                "activation nor residuals without W_Res; use 'einsum'"
            )
        x = interacting_layer(
            x,
            layer.kernel,
            layer.bias,
            mask_factors(mask, f),
            scale=spec.scale,
            residual=spec.residual,
            projection_relu=spec.projection_relu,
            interpret=interpret,
        )
        x = layer_norm(x.astype(jnp.float32), layer, spec).astype(x.dtype)
    return x
