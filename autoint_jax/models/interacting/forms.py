"""The forms of the stack of interacting layers by name. All compute the same function; they differ in speed."""

from collections.abc import Callable

import jax

from autoint_jax.config.execution_config import AUTOMATIC
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError, nearest
from autoint_jax.kernels import library
from autoint_jax.models.interacting import gpu
from autoint_jax.models.interacting.cpu import cpu_stack
from autoint_jax.models.interacting.heads import heads_stack
from autoint_jax.models.interacting.stack import LayerWeights, Masks, StackSpec, einsum_stack

FORMS: dict[str, Callable[[jax.Array, tuple[LayerWeights, ...], Masks, StackSpec], jax.Array]] = {
    'einsum': einsum_stack,
    'heads': heads_stack,
    'cpu_kernel': cpu_stack,
    'gpu_kernel': gpu.gpu_stack,
}
GPUS = ('gpu', 'cuda')  # the names of the platform of GPUs


def lacking(name: str, config: ModelConfig) -> str:
    """Returns a clause that names the option which a form cannot compute; empty if it can compute all options."""
    if name == 'cpu_kernel' and config.compute_dtype != 'float32':
        return f"it computes in float32 only and option 'model.compute_dtype' is {config.compute_dtype!r}"
    if name == 'gpu_kernel' and config.layer_norm == 'before_activation':
        return "it has no LayerNorm before the activation: option 'model.layer_norm' is 'before_activation'"
    if name == 'gpu_kernel' and config.residual and config.residual_projection == 'where_needed':
        return "it has a W_Res in every layer: option 'model.residual_projection' is 'where_needed'"
    return ''


def absent(name: str, config: ModelConfig, platform: str, fields: int | None) -> str:
    """Returns a clause that says why a form does not run on devices of a platform; empty if it runs.

    The arguments are those of `chosen_form`.
    """
    if name == 'cpu_kernel':
        return library.unavailable() if platform == 'cpu' else f'it runs on CPUs, not on {platform}'
    if name == 'gpu_kernel':
        if platform not in GPUS:
            return f'it runs on GPUs, not on {platform}'
        return gpu.unavailable() or ('' if fields is None else gpu.misfit(config, fields))
    return ''


def chosen_form(name: str, config: ModelConfig, platform: str | None = None, fields: int | None = None) -> str:
    """Returns the form in which the interacting layers of a model are computed on devices of a platform.

    Args:
      name: option `execution.form`. 'automatic' means, on a CPU in float32, the compiled kernel if there is a C++
        compiler, else head by head. On a GPU in bfloat16 it means the GPU kernel, if it has the model's options and
        fits its sizes: on an H200 that was 1.6 to 1.9 times as fast as einsum. Everywhere else it means einsum: on
        the H200 in float32 the kernel was 0.66 to 1.14 times as fast.
      config: the options of the model.
      platform: 'cpu', 'gpu' and so on; by default that of JAX's default device.
      fields: number of fields; None if it is unknown, and then every number is taken to fit.

    Raises:
      UsageError: the form is unknown, or cannot run on this device or with the configuration's options.
    """
    platform = platform or jax.default_backend()

    def reason(form: str) -> str:
        return lacking(form, config) or absent(form, config, platform, fields)

    if name == AUTOMATIC:
        if platform == 'cpu':
            return 'heads' if reason('cpu_kernel') else 'cpu_kernel'
        kernel = platform in GPUS and config.compute_dtype == 'bfloat16' and not reason('gpu_kernel')
        return 'gpu_kernel' if kernel else 'einsum'
    if name not in FORMS:
        known = [AUTOMATIC, *FORMS]
        raise UsageError(f"option 'execution.form' is {name!r}{nearest(name, known)}; known: {', '.join(known)}")
    if why := reason(name):
        raise UsageError(f"option 'execution.form' is {name!r}, but {why}; use 'automatic'")
    return name


def choice_of_form(name: str, chosen: str, config: ModelConfig) -> str:
    """Returns a clause that names a form and says why it was chosen.

    Args:
      name: option `execution.form`.
      chosen: the form that `chosen_form` returned.
      config: the options of the model.
    """
    if name != AUTOMATIC:
        why = 'execution.form asks for it'
    elif chosen == 'cpu_kernel':
        why = 'compiled for this processor, the fastest form on CPUs'
    elif chosen == 'heads':
        why = 'the fastest form on CPUs where the compiled kernel does not run'
    elif chosen == 'gpu_kernel':
        why = f'faster than einsum in {config.compute_dtype}'
    else:
        why = f'the fastest form on this device in {config.compute_dtype}'
    return f'interacting layers in the form {chosen} ({why})'


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
