"""Forms of the stack of interacting layers by name. All compute one function; they differ in speed."""

from collections.abc import Callable

import jax

from autoint_jax.config import ModelConfig
from autoint_jax.errors import UsageError, nearest
from autoint_jax.kernels import library
from autoint_jax.models.interacting import LayerWeights, Masks, StackSpec, einsum_stack
from autoint_jax.models.interacting_cpu import cpu_stack
from autoint_jax.models.interacting_gpu import gpu_stack
from autoint_jax.models.interacting_heads import heads_stack

AUTOMATIC = 'automatic'
FORMS: dict[str, Callable[[jax.Array, tuple[LayerWeights, ...], Masks, StackSpec], jax.Array]] = {
    'einsum': einsum_stack,
    'heads': heads_stack,
    'cpu_kernel': cpu_stack,
    'gpu_kernel': gpu_stack,
}


def chosen_form(name: str, compute_dtype: str) -> str:
    """The form that a configuration means on this machine's default device.

    Automatic: on a CPU the compiled kernel in float32 where a C++ compiler is found, else head by head; elsewhere einsum,
    until the GPU kernel has been timed on a GPU.

    Raises UsageError on an unknown form, or one that does not run here.
    """
    platform = jax.default_backend()
    if name == AUTOMATIC:
        if platform != 'cpu':
            return 'einsum'
        return 'cpu_kernel' if compute_dtype == 'float32' and not library.unavailable() else 'heads'
    if name not in FORMS:
        known = [AUTOMATIC, *FORMS]
        raise UsageError(f"option 'model.form' is {name!r}{nearest(name, known)}; known: {', '.join(known)}")
    if name == 'cpu_kernel':
        reason = (f'it runs on CPUs, not on {platform}' if platform != 'cpu' else
                  'it computes in float32 only' if compute_dtype != 'float32' else library.unavailable())
        if reason:
            raise UsageError(f"option 'model.form' is 'cpu_kernel', but {reason}; use 'automatic'")
    if name == 'gpu_kernel' and platform not in ('gpu', 'cuda'):
        raise UsageError(f"option 'model.form' is 'gpu_kernel', but it runs on GPUs, not on {platform}; use 'automatic'")
    return name


def missed_kernel(config: ModelConfig) -> str:
    """Why the automatic form is not the compiled kernel on a CPU in float32; an empty text where it is or need not be."""
    automatic = config.form == AUTOMATIC and config.compute_dtype == 'float32' and jax.default_backend() == 'cpu'
    return library.unavailable() if automatic else ''


def interacting_stack(form: str, x: jax.Array, layers: tuple[LayerWeights, ...], masks: Masks, spec: StackSpec) -> jax.Array:
    """The stack in a form of FORMS, [b, f, d] -> [b, f, w]; computes and returns in the type of x."""
    layers = tuple(layer._replace(kernel=layer.kernel.astype(x.dtype)) for layer in layers)
    return FORMS[form](x, layers, masks, spec)
