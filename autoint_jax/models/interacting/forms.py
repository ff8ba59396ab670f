"""The forms of the stack of interacting layers by name. All compute the same function; they differ in speed."""

from collections.abc import Callable

import jax

from autoint_jax.config.execution_config import AUTOMATIC
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError, nearest
from autoint_jax.kernels import library
from autoint_jax.models.interacting.cpu import cpu_stack
from autoint_jax.models.interacting.gpu import gpu_stack
from autoint_jax.models.interacting.heads import heads_stack
from autoint_jax.models.interacting.stack import LayerWeights, Masks, StackSpec, einsum_stack

FORMS: dict[str, Callable[[jax.Array, tuple[LayerWeights, ...], Masks, StackSpec], jax.Array]] = {
    'einsum': einsum_stack,
    'heads': heads_stack,
    'cpu_kernel': cpu_stack,
    'gpu_kernel': gpu_stack,
}


def lacking(name: str, config: ModelConfig) -> str:
    """Returns a clause that names the option which a form cannot compute; empty if it can compute all options."""
    if name == 'cpu_kernel' and config.compute_dtype != 'float32':
        return f"it computes in float32 only and option 'model.compute_dtype' is {config.compute_dtype!r}"
    if name == 'gpu_kernel' and config.layer_norm == 'before_activation':
        return "it has no LayerNorm before the activation: option 'model.layer_norm' is 'before_activation'"
    if name == 'gpu_kernel' and config.residual and config.residual_projection == 'where_needed':
        return "it has a W_Res in every layer: option 'model.residual_projection' is 'where_needed'"
    return ''


def chosen_form(name: str, config: ModelConfig, platform: str | None = None) -> str:
    """Returns the form in which the interacting layers of a model are computed on devices of a platform.

    Args:
      name: option `execution.form`. 'automatic' means, on a CPU in float32, the compiled kernel if there is a C++
        compiler, else head by head. On other devices it means einsum: on an H200 the GPU kernel was faster in
        bfloat16, but not on every shape in float32.
      config: the options of the model.
      platform: 'cpu', 'gpu' and so on; by default that of JAX's default device.

    Raises:
      UsageError: the form is unknown, or cannot run on this device or with the configuration's options.
    """
    platform = platform or jax.default_backend()
    if name == AUTOMATIC:
        if platform != 'cpu':
            return 'einsum'
        return 'heads' if lacking('cpu_kernel', config) or library.unavailable() else 'cpu_kernel'
    if name not in FORMS:
        known = [AUTOMATIC, *FORMS]
        raise UsageError(f"option 'execution.form' is {name!r}{nearest(name, known)}; known: {', '.join(known)}")
    reason = lacking(name, config)
    if not reason and name == 'cpu_kernel':
        reason = library.unavailable() if platform == 'cpu' else f'it runs on CPUs, not on {platform}'
    if not reason and name == 'gpu_kernel' and platform not in ('gpu', 'cuda'):
        reason = f'it runs on GPUs, not on {platform}'
    if reason:
        raise UsageError(f"option 'execution.form' is {name!r}, but {reason}; use 'automatic'")
    return name


def missed_kernel(name: str, config: ModelConfig, platform: str | None = None) -> str:
    """Returns why the automatic form on a CPU in float32 is not the compiled kernel; empty if it is, or need not be."""
    on_cpu = (platform or jax.default_backend()) == 'cpu'
    automatic = name == AUTOMATIC and not lacking('cpu_kernel', config) and on_cpu
    return library.unavailable() if automatic else ''


def interacting_stack(
    form: str, x: jax.Array, layers: tuple[LayerWeights, ...], masks: Masks, spec: StackSpec
) -> jax.Array:
    """Computes the stack in a form of FORMS, [b, f, d] -> [b, f, w], in the type of x."""
    layers = tuple(layer._replace(kernel=layer.kernel.astype(x.dtype)) for layer in layers)
    return FORMS[form](x, layers, masks, spec)
