"""What slices cost a training step whose interacting layers are the compiled kernel, and the slices that cost least.

Small slices stay in caches. Large ones have blocks for all cores, and read weights and sum gradients less often. The
constants were measured on processors with AVX-512 and 1 to 2 MiB of second-level cache; only their ratios matter.
"""

import functools
import pathlib
from collections.abc import Callable
from typing import NamedTuple

from autoint_jax.models.interacting.cpu import Block, backward_tasks, block_of
from autoint_jax.models.interacting.stack import StackSpec

CORE_OPERATIONS = 1e11  # floating-point operations of a core in a second
KEPT_BYTES = 2e10  # bytes of kept activations that a core writes or reads in a second if no cache holds them
KEPT_FRACTION = 0.7  # of the last-level cache; a slice that keeps more is not in it
WEIGHT_BYTES = 1e11  # bytes of weights and of their gradients that are read or written in a second
SLICE_SECONDS = 5e-5  # what a slice costs beside: threads wait for one another
# Where several cores share the products of a deep network, a slice of so many rows takes half of its time to divide
# them and to wait.
SHARED_ROWS = 80
FORWARD_SHARE = 1 / 3  # of the operations of a row
USUAL_CACHE = 1 << 24  # bytes of a last-level cache where the system does not tell


class Stack(NamedTuple):
    """A stack of interacting layers as the kernel takes it.

    Attributes:
      block: the function from the rows of a slice to the blocks into which the kernel divides them.
      operations: floating-point operations of a column, which is a field of a row, in a training step.
      weight_bytes: bytes of the weights of the stack, of which each task sums gradients.
      dense_bytes: bytes of all parameters of the model but its tables.
    """

    block: Callable[[int], Block]
    operations: float
    weight_bytes: int
    dense_bytes: int


def kernel_stack(spec: StackSpec, fields: int, inputs: int, layers: int, *, norm: bool, dense_bytes: int) -> Stack:
    """Returns what the costs of slices depend on.

    Args:
      spec: options of the stack.
      fields: number of fields.
      inputs: width of the embeddings, d.
      layers: number of layers.
      norm: whether the layers have a LayerNorm.
      dense_bytes: bytes of all parameters of the model but its tables.

    Raises:
      kernels.library.Unavailable: the kernels are unavailable.
    """
    operations, weights, width, own = 0, 0, spec.num_heads * spec.head_dim, inputs
    for _ in range(layers):
        projected = own * spec.projections(own) * width
        operations += 2 * projected + 4 * fields * width
        weights, own = weights + projected, width
    block = functools.lru_cache(lambda rows: block_of(spec, rows, fields, inputs, layers, norm=norm))
    return Stack(block, 3 * operations, 4 * weights, dense_bytes)


def busiest(blocks: int, tasks: int, cores: int) -> int:
    """Returns the blocks of the busiest core if cores take tasks in order, each when it is free."""
    loads = [0] * min(cores, tasks)
    for task in range(tasks):
        loads[loads.index(min(loads))] += blocks // tasks + (task < blocks % tasks)
    return max(loads)


def step_seconds(rows: int, slices: int, stack: Stack, cores: int, cache: int) -> float:
    """Returns the estimated seconds of a training step.

    Args:
      rows: rows that the device takes in a step.
      slices: number of slices into which it cuts them.
      stack: the interacting layers.
      cores: cores that work for the device.
      cache: bytes of the last-level cache that the device has.
    """
    slice_rows = -(-rows // slices)
    block = stack.block(slice_rows)
    blocks = -(-slice_rows // block.rows)
    tasks = backward_tasks(blocks)
    block_seconds = block.columns * stack.operations / CORE_OPERATIONS
    turns = FORWARD_SHARE * -(-blocks // cores) + (1 - FORWARD_SHARE) * busiest(blocks, tasks, cores)
    kept = blocks * 4 * block.floats
    missed = 2 * kept * min(1.0, kept / (KEPT_FRACTION * cache)) / min(cores, blocks)
    weights = 3 * (tasks + 1) * stack.weight_bytes + 4 * stack.dense_bytes
    others = 6 * (stack.dense_bytes - stack.weight_bytes) / 4 if cores > 1 else 0  # operations of a row in other layers
    shared = SHARED_ROWS * others / (CORE_OPERATIONS * cores)
    each = turns * block_seconds + missed / KEPT_BYTES + weights / WEIGHT_BYTES + shared + SLICE_SECONDS
    return slices * each


def best_slice_rows(rows: int, stack: Stack, cores: int, cache: int) -> int:
    """Returns the rows of a slice for which `step_seconds`, whose arguments it takes, is the least.

    A slice keeps at most what the cache holds, unless one block keeps more. Larger memory may be given back to the
    system after use, and then costs a page fault for every page each time.
    """
    whole = stack.block(rows)
    most = max(1, int(cache / (4 * whole.floats))) * whole.rows
    numbers = range(-(-rows // most), -(-rows // whole.rows) + 1)
    return -(-rows // min(numbers, key=lambda slices: step_seconds(rows, slices, stack, cores, cache)))


def last_level_cache() -> int:
    """Returns the bytes of the largest cache of the processor."""
    sizes = [USUAL_CACHE]
    for path in pathlib.Path('/sys/devices/system/cpu/cpu0/cache').glob('index*/size'):
        try:
            text = path.read_text().strip()
            sizes.append(int(text[:-1]) << {'K': 10, 'M': 20}[text[-1]])
        except (OSError, ValueError, KeyError, IndexError):
            continue
    return max(sizes[1:] or sizes)
