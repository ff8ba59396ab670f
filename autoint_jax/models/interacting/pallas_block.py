"""A block of examples on the chip, as the fused kernels of the interacting layer load, project and mix it.

Letters of shapes: b batch, f/g field as query/key, d embedding, p projection (query, key, value, residual), n head,
a per-head size. On the chip a block has R rows, and D and A are d and a padded with zeros. Triton needs blocks that are
powers of two and products whose sides are at least 16. A block holds as many whole examples as fit into its R rows, so
attention is the block-diagonal part of [R, R].
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

QUERY, KEY, VALUE, RESIDUAL = range(4)

MIN_ROWS = 32
# The most programs of a launch: two at a time on each of the 132 multiprocessors of an H100, whose registers hold no
# more. Each program loops over several blocks, so that there are few partial sums of gradients however large the batch.
MAX_PROGRAMS = 264
# The cache policy of a load that repeats an earlier one. It differs from that of the first, so the compiler cannot
# merge the two loads and hold the values in registers in between; they are in the cache anyway.
AGAIN = 'evict_last'
# Computes a float32 product as three tensor-core products, about as exact as float32.
FLOAT32_PRODUCT = lax.DotAlgorithmPreset.TF32_TF32_F32_X3


class KernelShape(NamedTuple):
    """The sizes and options that a kernel is compiled for, and how it cuts the batch.

    Attributes:
      b, f, d, p, n, a: the sizes.
      rows, wide_d, wide_a: R, D and A.
      examples: number of examples in a block.
      programs: number of programs for each head.
      steps: number of blocks that a program takes one after the other.
      scale, projection_relu, interpret: as in `interacting_layer`.
    """

    b: int
    f: int
    d: int
    p: int
    n: int
    a: int
    rows: int
    wide_d: int
    wide_a: int
    examples: int
    programs: int
    steps: int
    scale: float
    projection_relu: bool
    interpret: bool


def side(size: int, least: int = 16) -> int:
    """Returns the smallest side of a block that holds `size`."""
    return max(least, pl.next_power_of_2(size))


def kernel_shape(
    x: jax.Array, kernel: jax.Array, *, scale: float, projection_relu: bool, interpret: bool
) -> KernelShape:
    """Returns the shape of the kernels for x [b, f, d] and kernel [d, p, n, a]."""
    (b, f, d), (_, p, n, a) = x.shape, kernel.shape
    rows = side(f, MIN_ROWS)
    examples = rows // f
    blocks = pl.cdiv(b, examples)
    steps = pl.cdiv(blocks, max(1, MAX_PROGRAMS // n))
    return KernelShape(
        b,
        f,
        d,
        p,
        n,
        a,
        rows,
        side(d),
        side(a),
        examples,
        pl.cdiv(blocks, steps),
        steps,
        scale,
        projection_relu,
        interpret,
    )


def rectified(x: jax.Array) -> jax.Array:
    """ReLU that keeps NaN, where Triton's maximum of NaN and 0 would be 0."""
    return jnp.where(x < 0.0, 0.0, x)


class Block:
    """One block of examples in a kernel: which rows and pairs are real, its loads and its products.

    Rows past the last whole example, and past the batch, are zero. They attend to each other, so that every row has a
    key, and they are never stored. Their gradient is loaded as zero, so they add nothing to the gradients of
    parameters. A NaN of an example reaches the other examples of its block, because 0 times NaN is NaN.
    """

    def __init__(self, shape: KernelShape, number: jax.Array, head: jax.Array):
        self.shape, self.number, self.head = shape, number, head
        self.start = self.number * (shape.examples * shape.f)
        row = jnp.arange(shape.rows)
        self.real = (row < shape.examples * shape.f) & (self.start + row < shape.b * shape.f)  # [R]
        self.example = lax.div(row, jnp.full_like(row, shape.f))  # [R]
        self.together = self.example[:, None] == self.example[None, :]  # [R, R]

    def product(self, left: jax.Array, right: jax.Array, left_axis: int = 1, right_axis: int = 0) -> jax.Array:
        """Returns the matrix product over the named axes, accumulated and returned in float32."""
        precision = None
        if left.dtype == jnp.float32:  # CPUs have no such preset
            precision = lax.Precision.HIGHEST if self.shape.interpret else FLOAT32_PRODUCT
        return lax.dot_general(
            left,
            right,
            (((left_axis,), (right_axis,)), ((), ())),
            precision=precision,
            preferred_element_type=jnp.float32,
        )

    def inputs(self, x_ref, again: bool = False) -> jax.Array:
        """Loads the inputs [R, D] of the block. `again`: see AGAIN."""
        return triton.load(
            x_ref.at[pl.ds(self.start, self.shape.rows), pl.ds(0, self.shape.wide_d)],
            mask=self.real[:, None],
            other=0.0,
            eviction_policy=AGAIN if again else None,
        )

    def of_head(self, ref):
        """Returns the reference to the rows of this block and the columns of its head, [R, A], in an array [b * f, n,
        A].
        """
        return ref.at[pl.ds(self.start, self.shape.rows), self.head, pl.ds(0, self.shape.wide_a)]

    def matrix(self, kernel_ref, part: int, dtype: jnp.dtype, again: bool = False) -> jax.Array:
        """Loads the weights [D, A] of one projection. `again`: see AGAIN."""
        place = kernel_ref.at[pl.ds(0, self.shape.wide_d), part * self.shape.n + self.head, pl.ds(0, self.shape.wide_a)]
        return triton.load(place, eviction_policy=AGAIN if again else None).astype(dtype)

    def projected(self, x: jax.Array, kernel_ref, bias_ref, part: int) -> jax.Array:
        """Returns one projection of the inputs, float32 [R, A]."""
        z = self.product(x, self.matrix(kernel_ref, part, x.dtype))
        if bias_ref is not None:
            bias = triton.load(bias_ref.at[part * self.shape.n + self.head, pl.ds(0, self.shape.wide_a)])
            z = z + bias.astype(jnp.float32)[None, :]
        return rectified(z) if self.shape.projection_relu else z

    def weights(self, query: jax.Array, key: jax.Array) -> jax.Array:
        """Returns the attention weights (Eq. 5), float32 [R, R], zero between different examples."""
        scores = jnp.where(self.together, self.product(query, key, 1, 1) * self.shape.scale, -jnp.inf)
        exponentials = jnp.exp(scores - jnp.max(scores, axis=1)[:, None])
        return exponentials / jnp.sum(exponentials, axis=1)[:, None]

    def factors(self, mask_ref) -> jax.Array:
        """Loads the dropout factors [R, R] of the weights from a flat array of [b, n, f, g]."""
        f, first = self.shape.f, self.example * self.shape.f
        row = jnp.arange(self.shape.rows)
        example = self.number * self.shape.examples + self.example
        row_start = (example * self.shape.n + self.head) * (f * f) + (row - first) * f - first  # [R]
        place = mask_ref.at[row_start[:, None] + row[None, :]]
        return triton.load(place, mask=self.together & self.real[:, None], other=0.0).astype(jnp.float32)
