"""A block of examples on the chip: what the fused kernels of the interacting layer load, project and attend.

Letters of shapes: b batch, f/g field as query/key, d embedding, p projection (query, key, value, residual), n head,
a per-head size. On the chip: R rows of a block, D and A are d and a padded with zeros. Blocks are powers of two and the
sides of products at least 16, as Triton wants them. A block holds as many whole examples as fit into its R rows;
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
# Programs of a launch: two at a time on each of an H100's 132 multiprocessors, whose registers hold no more. Each
# loops over several blocks, so that the partial sums of the parameters' gradients stay few however large the batch.
MAX_PROGRAMS = 264
# The cache policy of a load that repeats an earlier one. Because it differs, the compiler cannot merge the two, which
# would hold the values in registers in between; the cache has them anyway.
AGAIN = 'evict_last'
# Float32 products as three tensor-core products, about as exact as float32.
FLOAT32_PRODUCT = lax.DotAlgorithmPreset.TF32_TF32_F32_X3


class Plan(NamedTuple):
    """What a kernel is specialised to: sizes, options and how the batch is cut.

    Attributes:
      b, f, d, p, n, a: the sizes.
      rows, wide_d, wide_a: R, D and A.
      examples: examples in a block.
      programs: programs for each head.
      steps: blocks that a program takes in turn.
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
    """The side of a block that holds `size`."""
    return max(least, pl.next_power_of_2(size))


def planned(x: jax.Array, kernel: jax.Array, *, scale: float, projection_relu: bool, interpret: bool) -> Plan:
    """The plan for x [b, f, d] and kernel [d, p, n, a]."""
    (b, f, d), (_, p, n, a) = x.shape, kernel.shape
    rows = side(f, MIN_ROWS)
    examples = rows // f
    blocks = pl.cdiv(b, examples)
    steps = pl.cdiv(blocks, max(1, MAX_PROGRAMS // n))
    return Plan(
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
    """ReLU that keeps NaN: Triton's maximum of a NaN and 0 is 0."""
    return jnp.where(x < 0.0, 0.0, x)


class Block:
    """One block of examples as a kernel sees it: which rows and pairs are real, and the loads and products of it.

    Rows past the last whole example, and past the batch, are zero. They attend to each other, so that no row is
    without a key, and are never stored; their gradient is loaded as zero, so that they add nothing to the
    parameters' gradients. A NaN of an example reaches the other examples of its block, because 0 times NaN is NaN.
    """

    def __init__(self, plan: Plan, number: jax.Array, head: jax.Array):
        self.plan, self.number, self.head = plan, number, head
        self.start = self.number * (plan.examples * plan.f)
        row = jnp.arange(plan.rows)
        self.real = (row < plan.examples * plan.f) & (self.start + row < plan.b * plan.f)  # [R]
        self.example = lax.div(row, jnp.full_like(row, plan.f))  # [R]
        self.together = self.example[:, None] == self.example[None, :]  # [R, R]

    def product(self, left: jax.Array, right: jax.Array, left_axis: int = 1, right_axis: int = 0) -> jax.Array:
        """Matrix product over the named axes, accumulated and returned in float32."""
        precision = None
        if left.dtype == jnp.float32:  # a CPU knows no such preset
            precision = lax.Precision.HIGHEST if self.plan.interpret else FLOAT32_PRODUCT
        return lax.dot_general(
            left,
            right,
            (((left_axis,), (right_axis,)), ((), ())),
            precision=precision,
            preferred_element_type=jnp.float32,
        )

    def inputs(self, x_ref, again: bool = False) -> jax.Array:
        """[R, D]. `again`: see AGAIN."""
        return triton.load(
            x_ref.at[pl.ds(self.start, self.plan.rows), pl.ds(0, self.plan.wide_d)],
            mask=self.real[:, None],
            other=0.0,
            eviction_policy=AGAIN if again else None,
        )

    def of_head(self, ref):
        """The place of this block's rows and head's columns [R, A] in an array [b * f, n, A]."""
        return ref.at[pl.ds(self.start, self.plan.rows), self.head, pl.ds(0, self.plan.wide_a)]

    def matrix(self, kernel_ref, part: int, dtype: jnp.dtype, again: bool = False) -> jax.Array:
        """The weights [D, A] of one projection. `again`: see AGAIN."""
        place = kernel_ref.at[pl.ds(0, self.plan.wide_d), part * self.plan.n + self.head, pl.ds(0, self.plan.wide_a)]
        return triton.load(place, eviction_policy=AGAIN if again else None).astype(dtype)

    def projected(self, x: jax.Array, kernel_ref, bias_ref, part: int) -> jax.Array:
        """[R, A] float32."""
        z = self.product(x, self.matrix(kernel_ref, part, x.dtype))
        if bias_ref is not None:
            bias = triton.load(bias_ref.at[part * self.plan.n + self.head, pl.ds(0, self.plan.wide_a)])
            z = z + bias.astype(jnp.float32)[None, :]
        return rectified(z) if self.plan.projection_relu else z

    def weights(self, query: jax.Array, key: jax.Array) -> jax.Array:
        """Eq. 5: [R, R] float32, zero between examples."""
        scores = jnp.where(self.together, self.product(query, key, 1, 1) * self.plan.scale, -jnp.inf)
        exponentials = jnp.exp(scores - jnp.max(scores, axis=1)[:, None])
        return exponentials / jnp.sum(exponentials, axis=1)[:, None]

    def factors(self, mask_ref) -> jax.Array:
        """The factors [R, R] of the weights, from a flat array of [b, n, f, g]."""
        f, first = self.plan.f, self.example * self.plan.f
        row = jnp.arange(self.plan.rows)
        example = self.number * self.plan.examples + self.example
        of_row = (example * self.plan.n + self.head) * (f * f) + (row - first) * f - first  # [R]
        place = mask_ref.at[of_row[:, None] + row[None, :]]
        return triton.load(place, mask=self.together & self.real[:, None], other=0.0).astype(jnp.float32)
