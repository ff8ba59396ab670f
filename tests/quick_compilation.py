"""Makes XLA compile unoptimized programs in half its time."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jaxlib
from jax._src import compiler

KNOWS_THE_OPTION = tuple(map(int, jaxlib.__version__.split('.')[:2])) < (0, 11)  # later versions refuse it


def patch() -> None:
    """From here on programs that are compiled with jax_disable_most_optimizations have no fusions emitted by MLIR.

    Their emitters take as long as all else of such a compilation. JAX has no public option that reaches every program
    of a process and not those that are compiled as users do.
    """
    if KNOWS_THE_OPTION:
        compiler.get_compile_options = functools.partial(_options, compiler.get_compile_options)


def _options(options: Callable, *, env_options_overrides: dict[str, Any] | None = None, **named: Any) -> Any:
    quick = {'xla_cpu_use_fusion_emitters': False} if jax.config.values['jax_disable_most_optimizations'] else {}
    return options(env_options_overrides=quick | (env_options_overrides or {}), **named)
