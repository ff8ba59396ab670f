"""The dense layer that models share, with its forms: XLA, or a compiled kernel in training on CPUs."""

from collections.abc import Callable

import flax.linen as nn
import jax

from autoint_jax.config.execution_config import AUTOMATIC
from autoint_jax.config.options import is_on
from autoint_jax.errors import UsageError
from autoint_jax.kernels import library
from autoint_jax.models.layers.dense_kernel import dense_kernel
from autoint_jax.models.layers.dropout import Drawn, Training, drawn, dropped

LEAST_WIDTH = 16  # narrower layers leave most of the kernel's tiles empty, and are faster by XLA


class Dense(nn.Module):
    """A dense layer, dropout(ReLU(x W + b)), [b, h] -> [b, width]; ReLU and dropout are optional.

    Its parameters are `kernel` [h, width] and `bias` [width], as those of `nn.Dense`.

    Attributes:
      width: width of the output.
      kernel_init: draws the kernel.
      bias_init: draws the bias.
      bias: whether it has a bias.
      relu: whether it has a ReLU.
      site: dropout site.
      dropout: share of the values that is dropped in training; it must be 0 without a ReLU.
    """

    width: int
    kernel_init: Callable
    bias_init: Callable = nn.initializers.zeros
    bias: bool = True
    relu: bool = False
    site: int = 0
    dropout: float | jax.Array = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, *, training: Training | None) -> jax.Array:
        kernel = self.param('kernel', self.kernel_init, (x.shape[1], self.width))
        bias = self.param('bias', self.bias_init, (self.width,)) if self.bias else None
        if training is not None and training.dense_form == 'cpu_kernel' and self.width >= LEAST_WIDTH:
            drop = None
            if is_on(self.dropout):
                words, rate = drawn(training.keys, sites=[self.site], rate=self.dropout)
                drop = Drawn(words[:, 0], rate)
            return dense_kernel(x, kernel, bias, drop, relu=self.relu)
        x = jax.lax.dot_general(x, kernel, (((1,), (0,)), ((), ())))
        if bias is not None:
            x = x + bias.reshape(1, -1)
        if self.relu:
            x = jax.nn.relu(x)
        return dropped(x, training, site=self.site, rate=self.dropout)


def chosen_dense_form(asked: str = AUTOMATIC, platform: str | None = None) -> str:
    """Returns the form of dense layers in training on devices of a platform: 'xla' or 'cpu_kernel'.

    Args:
      asked: option `execution.dense_form`.
      platform: 'cpu', 'gpu' and so on; by default that of JAX's default device.

    Raises UsageError if the compiled kernel is asked for and unavailable.
    """
    platform = platform or jax.default_backend()
    reason = library.unavailable() if platform == 'cpu' else f'it runs on CPUs, not on {platform}'
    if asked == 'cpu_kernel' and reason:
        raise UsageError(f"option 'execution.dense_form' is 'cpu_kernel', but {reason}; use 'automatic'")
    return 'xla' if reason or asked == 'xla' else 'cpu_kernel'


def missed_dense_kernel(asked: str = AUTOMATIC, platform: str | None = None) -> str:
    """Returns why the automatic form on a CPU is not the compiled kernel; empty if it is, or need not be."""
    on_cpu = (platform or jax.default_backend()) == 'cpu'
    return library.unavailable() if asked == AUTOMATIC and on_cpu else ''
