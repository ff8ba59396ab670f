"""The form of the stack that is one fused GPU kernel for each layer (`pallas.py`).

Pallas is imported only where a kernel is asked about or used: later versions of JAX may come without its Triton
backend.
"""

import jax
import jax.numpy as jnp

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError
from autoint_jax.models.interacting.stack import LayerWeights, Masks, StackSpec, layer_norm, mask_factors

LEAST_CAPABILITY = 8.0  # the compute capability of the first NVIDIA GPUs with TF32 and bfloat16


def unavailable() -> str:
    """Returns why no kernel runs on the GPUs of this machine, as a clause; '' if they run."""
    try:
        from autoint_jax.models.interacting import pallas  # noqa: F401
    except (ImportError, AttributeError) as error:
        return f'jax {jax.__version__} has no Triton backend of Pallas here ({error})'
    for device in jax.local_devices():
        if device.platform == 'gpu':
            capability = str(getattr(device, 'compute_capability', ''))
            if not capability.replace('.', '', 1).isdecimal() or float(capability) < LEAST_CAPABILITY:
                return (
                    f'it needs NVIDIA GPUs of compute capability {LEAST_CAPABILITY} or more, and {device.device_kind} '
                    f'has {capability or "none"}'
                )
    return ''


def misfit(config: ModelConfig, fields: int) -> str:
    """Returns which layer of a model is too large for the kernels, as a clause; '' if all fit.

    Args:
      config: the options of the model.
      fields: number of fields, f.
    """
    from autoint_jax.models.interacting.pallas import supported

    heads, head_dim = config.num_heads, config.head_dim
    for width in (config.embedding_dim, heads * head_dim)[: config.num_layers]:
        if not supported(fields, width, heads, head_dim):
            return f'its kernels do not fit {fields} fields, inputs of width {width} and {heads} heads of {head_dim}'
    return ''


def gpu_stack(
    x: jax.Array, layers: tuple[LayerWeights, ...], masks: Masks, spec: StackSpec, *, interpret: bool = False
) -> jax.Array:
    """Computes the stack, [b, f, d] -> [b, f, w], in the type of x; `interpret` runs the kernels on a CPU, slowly.

    Raises UsageError if the shapes of a layer do not fit the kernel.
    """
    from autoint_jax.models.interacting.pallas import interacting_layer, supported

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
