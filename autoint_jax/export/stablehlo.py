"""The scoring function as StableHLO: a program for CPUs, GPUs and TPUs that JAX runs without the code of the model.

This file imports JAX and NumPy only. JAX promises to read such a program for at least six months after the release
that wrote it.
"""

import contextlib
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from autoint_jax.bundle.manifest import FORMATS, WEIGHTS, Manifest
from autoint_jax.bundle.weights import Tensor, read_weights
from autoint_jax.errors import UsageError

STABLEHLO = 'stablehlo'
PLATFORMS = ('cpu', 'cuda', 'tpu')


def program(
    function: Callable[..., jax.Array], shapes: Mapping[str, jax.ShapeDtypeStruct], slots: int, numeric: int
) -> bytes:
    """Returns a scoring function as StableHLO for a batch of any size, without its weights.

    Args:
      function: (weights, ids int32 [b, slots], numeric float32 [b, numeric]) -> logits float32 [b].
      shapes: shape and type of each tensor of the weights.
      slots: number of columns of `ids`.
      numeric: number of columns of `numeric`.
    """
    (b,) = jax.export.symbolic_shape('b')
    with _without_source_files():
        exported = jax.export.export(jax.jit(function), platforms=PLATFORMS)(
            dict(shapes), jax.ShapeDtypeStruct((b, slots), np.int32), jax.ShapeDtypeStruct((b, numeric), np.float32)
        )
    return bytes(exported.serialize())


@contextlib.contextmanager
def _without_source_files() -> Iterator[None]:
    """A context in which programs do not name the files and callers of this machine, so that they are the same bytes
    wherever they are exported.
    """
    options = {'jax_hlo_source_file_canonicalization_regex': '.*', 'jax_include_full_tracebacks_in_locations': False}
    before = {name: jax.config.values[name] for name in options}
    try:
        for name, value in options.items():
            jax.config.update(name, value)
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


def mapped_weights(folder: pathlib.Path, tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Maps the weights of a bundle into memory, as arrays of the types that JAX knows."""
    return {
        name: array.view(jax.numpy.bfloat16) if tensors[name].dtype == 'bfloat16' else array
        for name, array in read_weights(folder / WEIGHTS, tensors).items()
    }


def load(folder: pathlib.Path, manifest: Manifest) -> Callable[[Any, Any], np.ndarray]:
    """Loads the program of a bundle.

    Args:
      folder: the bundle, whose files `bundle.manifest.verified` has checked.
      manifest: of the bundle.

    Returns:
      A function (ids int32 [b, slots], numeric float32 [b, numeric]) -> logits float32 [b], on JAX's default device. It
      is compiled once for each b.

    Raises:
      UsageError: the bundle has no such program, or this release of JAX cannot read it.
    """
    path = folder / FORMATS[STABLEHLO]
    if STABLEHLO not in manifest.formats:
        raise UsageError(f'{folder} has no {path.name}: export the run again with --formats=stablehlo')
    try:
        exported = jax.export.deserialize(bytearray(path.read_bytes()))
    except ValueError as error:
        raise UsageError(f'{path} cannot be read by JAX {jax.__version__} ({error}): export the run again') from None
    weights = jax.device_put(mapped_weights(folder, manifest.tensors))
    compiled = jax.jit(exported.call)

    def logits(ids: Any, numeric: Any) -> np.ndarray:
        ids, numeric = np.asarray(ids, np.int32), np.asarray(numeric, np.float32)
        return np.asarray(compiled(weights, ids, numeric)) if len(ids) else np.zeros(0, np.float32)

    return logits
