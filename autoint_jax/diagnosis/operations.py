"""Compares the operations of a training step on the default device with NumPy in float64.

Some releases computed wrong values on some devices (jax-ml/jax#40633). Training shows this only as a worse model.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.config.configuration import Config
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.config.optimizer_config import TABLE_OPTIMIZERS, OptimizerConfig
from autoint_jax.config.rates import rates_of
from autoint_jax.diagnosis import references
from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check
from autoint_jax.errors import UsageError
from autoint_jax.evaluation import ranking
from autoint_jax.evaluation.sums import sums, totals
from autoint_jax.models.interacting.forms import FORMS, chosen_form, interacting_stack
from autoint_jax.models.interacting.stack import LayerWeights, StackSpec, attention_weights
from autoint_jax.models.layers.tables import lookup, table_of
from autoint_jax.schema import CATEGORICAL, Batch, FieldSpec, Schema
from autoint_jax.training.step.loss import summed_logloss
from autoint_jax.training.tables.choice import chosen_table_form, table_optimizer
from autoint_jax.training.tables.optimizer import distinct_rows, summed

# The input of a ReLU must be so far from 0 that every form computes it on the same side of 0.
RELU_MARGIN = 1e-4


class OperationResult(NamedTuple):
    """The result of an operation on the device, and what it should be.

    Attributes:
      computed: the arrays that the device computed.
      expected: the arrays as they should be.
      bound: the largest accepted error. The error of an array is its largest difference divided by the largest expected
        entry.
    """

    computed: list[Any]
    expected: list[Any]
    bound: float


def checks() -> list[Check]:
    """Checks every operation, in a few seconds."""
    operations: dict[str, Callable[[], OperationResult]] = {
        'lookup with ids out of range': _lookup,
        'sum of gradients of repeated rows, scattered': _scattered_sum,
        'sum of gradients of repeated rows, sorted': _sorted_sum,
        'softmax of large scores': _softmax,
        'cross-entropy of large logits': _cross_entropy,
        'AUC by sorting': _auc,
        "interacting layers, form 'einsum'": _stack,
    }
    operations |= {f'three steps of tables {name!r}': functools.partial(_optimizer, name) for name in TABLE_OPTIMIZERS}
    return [compared(name, run) for name, run in operations.items()] + list(_forms())


def compared(name: str, run: Callable[[], OperationResult]) -> Check:
    """Runs one operation with full precision of matrix products and checks its result."""
    try:
        with jax.default_matmul_precision('highest'):
            result = run()
        error = max(_error(one, other) for one, other in zip(result.computed, result.expected, strict=True))
    except Exception as problem:  # the check reports any error of an operation
        reason = (str(problem).splitlines() or [''])[0][:200]
        return Check(BAD, f'{name}: fails with {type(problem).__name__}: {reason}')
    wrong = not error <= result.bound  # NaN too
    return Check(
        BAD if wrong else OK,
        f'{name}: largest error {error:.1e}, bound {result.bound:.0e}'
        + ('; this device computes wrong values with this jaxlib' if wrong else ''),
    )


def _error(ours: Any, theirs: Any) -> float:
    """Returns the largest difference divided by the largest entry of `theirs`."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), np.finfo(np.float32).tiny))


def _normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _repeated(rows: int, places: int) -> np.ndarray:
    """Returns row numbers [places], in which few rows are repeated often."""
    return np.minimum(np.random.default_rng(1).geometric(0.2, places) - 1, rows - 1).astype(np.int32)


def _lookup() -> OperationResult:
    schema = Schema((FieldSpec('first', CATEGORICAL, 7), FieldSpec('second', CATEGORICAL, 11)))
    table = _normal(0, schema.num_ids, 5)
    ids = np.random.default_rng(1).integers(-9, 29, (101, 2)).astype(np.int32)
    batch = Batch(ids, np.zeros((101, 0), np.float32), np.zeros(101, np.float32), np.ones(101, np.float32))
    specs = {'embedding': table_of(schema, 5, 0.0)}
    rows = jax.jit(lambda table, batch: lookup({'embedding': table}, specs, batch)['embedding'])(table, batch)
    return OperationResult([rows], [table[np.clip(ids + np.array([0, 7]), 0, 17)]], 0.0)


def _scattered_sum() -> OperationResult:
    rows, gradients = _repeated(13, 4001), _normal(2, 4001, 5)
    sums = jax.jit(lambda rows, gradients: jnp.zeros((13, 5)).at[rows].add(gradients, mode='drop'))(rows, gradients)
    return OperationResult([sums], [references.summed_rows(rows, gradients, 13)], 1e-5)


def _sorted_sum() -> OperationResult:
    rows, gradients = _repeated(13, 4001), _normal(2, 4001, 5)

    @jax.jit
    def ours(rows, gradients):
        distinct = distinct_rows(rows, 13)
        return jnp.zeros((13, 5)).at[distinct.numbers].set(summed(gradients, distinct), mode='drop')

    return OperationResult([ours(rows, gradients)], [references.summed_rows(rows, gradients, 13)], 1e-5)


def _softmax() -> OperationResult:
    query, key = 20 * _normal(3, 3, 39, 32), _normal(4, 3, 39, 32)  # scores around 100
    scores = np.einsum('bfa,bga->bfg', query.astype(np.float64), key)
    ours = jax.jit(lambda query, key: attention_weights(query, key, scale=1.0))(query, key)
    return OperationResult([ours], [references.softmax(scores)], 1e-3)


def _cross_entropy() -> OperationResult:
    rows = np.array([(logit, label) for logit in (0, 1e-3, 1, -3, 17, -30, 80, -80, 1e4, -1e4) for label in (0, 1)])
    one = np.ones(1, np.float32)
    ours = [jax.jit(summed_logloss)(logit * one, labels=label * one, weights=one) for logit, label in rows]
    theirs = [np.logaddexp(0, -logit if label else logit) for logit, label in rows]
    return OperationResult(ours, theirs, 1e-5)


def _auc() -> OperationResult:
    logits = np.round(_normal(5, 100_003), 2)  # many ties
    labels = (np.random.default_rng(6).random(100_003) < 0.3).astype(np.float32)
    area = ranking.auc_of_totals(totals(jax.jit(sums)(logits, labels)))
    return OperationResult([area], [ranking.auc(logits, labels)], 1e-12)


def _drawn() -> tuple[np.ndarray, tuple[LayerWeights, ...], StackSpec]:
    """Draws input and weights of two layers of the authors' variant, which has every part. Scores are of order one.

    Rows are left out if rounding could decide on which side of 0 the input of a ReLU is, because its gradient depends
    on this.
    """
    f, d, n, a = 11, 5, 2, 7
    spec = StackSpec(n, a, True, projection_relu=True, scale=a**-0.5)
    layers = tuple(
        LayerWeights(
            jnp.asarray(_normal(width, width, 4, n, a) / np.float32(width * a**0.5) ** 0.5),
            jnp.asarray(_normal(7, 4, n, a) / np.float32(3)),
            jnp.asarray(1 + _normal(8, n * a) / np.float32(3)),
            jnp.asarray(_normal(9, n * a) / np.float32(3)),
        )
        for width in (d, n * a)
    )
    x = _normal(11, 67, f, d)
    return x[references.interacting_stack(x, layers, spec)[1] > RELU_MARGIN], layers, spec


def _stack() -> OperationResult:
    x, layers, spec = _drawn()
    ours = jax.jit(lambda x, layers: interacting_stack('einsum', x, layers, (None, None), spec))(x, layers)
    return OperationResult([ours], [references.interacting_stack(x, layers, spec)[0]], 1e-5)


def _values_and_gradients(form: str) -> list[jax.Array]:
    x, layers, spec = _drawn()
    out = _normal(12, *x.shape[:2], spec.num_heads * spec.head_dim)

    def projected(x, layers):
        y = interacting_stack(form, x, layers, (None, None), spec)
        return jnp.vdot(y, out), y

    (_, y), gradients = jax.jit(jax.value_and_grad(projected, (0, 1), has_aux=True))(x, layers)
    return [y, *jax.tree.leaves(gradients)]


def _forms() -> Iterator[Check]:
    for form in FORMS:
        name = f'interacting layers and their gradients, form {form!r} against einsum'
        try:
            chosen_form(form, ModelConfig())
        except UsageError as error:
            yield Check(NOTE, f'form {form!r} does not run here: {error}')
            continue
        if form != 'einsum':
            yield compared(name, functools.partial(_against_einsum, form))


def _against_einsum(form: str) -> OperationResult:
    return OperationResult(_values_and_gradients(form), _values_and_gradients('einsum'), 3e-5)


def _optimizer(name: str) -> OperationResult:
    config = OptimizerConfig(tables=name, learning_rate=0.1)
    table = _normal(13, 17, 3)
    batches = [
        (np.array(rows, np.int32), _normal(20 + number, len(rows), 3))
        for number, rows in enumerate(([0, 3, 3, 16, 5], [3, 7, 7, 7, 1], [0, 5, 16, 16, 2]))
    ]
    optimizer = table_optimizer(config, chosen_table_form(config), rates_of(Config(optimizer=config)))

    @jax.jit
    def ours(table):
        slots = optimizer.init(table)
        for step, (numbers, gradients) in enumerate(batches):
            rows = optimizer.named(jnp.asarray(numbers), len(table))
            table, slots = optimizer.update(table, slots, rows, jnp.asarray(gradients), jnp.int32(step))
        return optimizer.flush(table, slots, jnp.int32(len(batches)))[0]

    theirs = references.optimized_table(config, table.astype(np.float64), batches)
    return OperationResult([ours(jnp.asarray(table))], [theirs], 1e-5)
