"""The operations a training step is made of, on the default device against NumPy in float64.

They have been wrong on some devices with some releases (jax-ml/jax#40633), which training shows only as a worse model.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoint_jax.config.configuration import TABLE_OPTIMIZERS, ModelConfig, OptimizerConfig
from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check
from autoint_jax.errors import UsageError
from autoint_jax.evaluation import metrics
from autoint_jax.models.interacting.forms import FORMS, chosen_form, interacting_stack
from autoint_jax.models.interacting.stack import NORM_EPSILON, LayerWeights, StackSpec, attention_weights
from autoint_jax.models.layers.tables import lookup, table_of
from autoint_jax.schema import CATEGORICAL, Batch, FieldSpec, Schema
from autoint_jax.training.step.steps import summed_logloss
from autoint_jax.training.tables.choice import table_optimizer
from autoint_jax.training.tables.optimizer import distinct_rows, summed

# How far from 0 the input of a ReLU must be, so that every form sees it on the same side.
RELU_MARGIN = 1e-4


class Comparison(NamedTuple):
    """Arrays as the device computed them, what they should be, and the largest error accepted.

    The error of an array is its largest difference as a share of the largest entry there should be.
    """

    ours: list[Any]
    theirs: list[Any]
    bound: float


def checks() -> list[Check]:
    """Every operation, a few seconds in all."""
    operations = {
        'lookup with ids out of range': _lookup,
        'sum of gradients of repeated rows, scattered': _scattered_sum,
        'sum of gradients of repeated rows, sorted': _sorted_sum,
        'softmax of large scores': _softmax,
        'cross-entropy of large logits': _cross_entropy,
        'AUC by sorting': _auc,
        "interacting layers, form 'einsum'": _stack,
    }
    operations |= {f'three steps of tables {name!r}': lambda name=name: _optimizer(name) for name in TABLE_OPTIMIZERS}
    return [compared(name, run) for name, run in operations.items()] + list(_forms())


def compared(name: str, run: Callable[[], Comparison]) -> Check:
    """Runs one comparison at full precision of matrix products."""
    try:
        with jax.default_matmul_precision('highest'):
            result = run()
        error = max(_error(one, other) for one, other in zip(result.ours, result.theirs, strict=True))
    except Exception as problem:  # whatever stops an operation is what this is here to find
        reason = (str(problem).splitlines() or [''])[0][:200]
        return Check(BAD, f'{name}: fails with {type(problem).__name__}: {reason}')
    wrong = not error <= result.bound  # NaN too
    return Check(
        BAD if wrong else OK,
        f'{name}: largest error {error:.1e}, bound {result.bound:.0e}'
        + ('; this device computes wrong values with this jaxlib' if wrong else ''),
    )


def _error(ours: Any, theirs: Any) -> float:
    """Largest difference over the largest entry of `theirs`."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), np.finfo(np.float32).tiny))


def _normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _repeated(rows: int, places: int) -> np.ndarray:
    """Row numbers, most of them few rows."""
    return np.minimum(np.random.default_rng(1).geometric(0.2, places) - 1, rows - 1).astype(np.int32)


def _lookup() -> Comparison:
    schema = Schema((FieldSpec('first', CATEGORICAL, 7), FieldSpec('second', CATEGORICAL, 11)))
    table = _normal(0, schema.num_ids, 5)
    ids = np.random.default_rng(1).integers(-9, 29, (101, 2)).astype(np.int32)
    batch = Batch(ids, np.zeros((101, 0), np.float32), np.zeros(101, np.float32), np.ones(101, np.float32))
    specs = {'embedding': table_of(schema, 5, 0.0)}
    rows = jax.jit(lambda table, batch: lookup({'embedding': table}, specs, batch)['embedding'])(table, batch)
    return Comparison([rows], [table[np.clip(ids + np.array([0, 7]), 0, 17)]], 0.0)


def _summed_by_numpy(rows: np.ndarray, gradients: np.ndarray, table_rows: int) -> np.ndarray:
    sums = np.zeros((table_rows, gradients.shape[1]))
    np.add.at(sums, rows, gradients)
    return sums


def _scattered_sum() -> Comparison:
    rows, gradients = _repeated(13, 4001), _normal(2, 4001, 5)
    sums = jax.jit(lambda rows, gradients: jnp.zeros((13, 5)).at[rows].add(gradients, mode='drop'))(rows, gradients)
    return Comparison([sums], [_summed_by_numpy(rows, gradients, 13)], 1e-5)


def _sorted_sum() -> Comparison:
    rows, gradients = _repeated(13, 4001), _normal(2, 4001, 5)

    @jax.jit
    def ours(rows, gradients):
        distinct = distinct_rows(rows, 13)
        return jnp.zeros((13, 5)).at[distinct.numbers].set(summed(gradients, distinct), mode='drop')

    return Comparison([ours(rows, gradients)], [_summed_by_numpy(rows, gradients, 13)], 1e-5)


def _softmax() -> Comparison:
    query, key = 20 * _normal(3, 3, 39, 32), _normal(4, 3, 39, 32)  # scores around 100
    scores = np.einsum('bfa,bga->bfg', query.astype(np.float64), key)
    ours = jax.jit(lambda query, key: attention_weights(query, key, scale=1.0))(query, key)
    return Comparison([ours], [_softmax_by_numpy(scores)], 1e-3)


def _softmax_by_numpy(scores: np.ndarray) -> np.ndarray:
    exponentials = np.exp(scores - scores.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def _cross_entropy() -> Comparison:
    rows = np.array([(logit, label) for logit in (0, 1e-3, 1, -3, 17, -30, 80, -80, 1e4, -1e4) for label in (0, 1)])
    one = np.ones(1, np.float32)
    ours = [jax.jit(summed_logloss)(logit * one, labels=label * one, weights=one) for logit, label in rows]
    theirs = [np.logaddexp(0, -logit if label else logit) for logit, label in rows]
    return Comparison(ours, theirs, 1e-5)


def _auc() -> Comparison:
    logits = np.round(_normal(5, 100_003), 2)  # many ties
    labels = (np.random.default_rng(6).random(100_003) < 0.3).astype(np.float32)
    area = metrics.figures(jax.jit(metrics.sums)(logits, labels))['auc']
    return Comparison([area], [metrics.auc(logits, labels)], 1e-12)


def _drawn() -> tuple[np.ndarray, tuple[LayerWeights, ...], StackSpec]:
    """Two layers of the authors' variant, which has every part, with scores of order one.

    Examples in which rounding could decide on which side of 0 a ReLU's input is, and so its gradient, are left out.
    """
    f, d, n, a = 11, 5, 2, 7
    spec = StackSpec(n, a, True, projection_relu=True, scale=a**-0.5)
    layers = tuple(
        LayerWeights(
            _normal(width, width, 4, n, a) / np.float32(width * a**0.5) ** 0.5,
            _normal(7, 4, n, a) / 3,
            1 + _normal(8, n * a) / 3,
            _normal(9, n * a) / 3,
        )
        for width in (d, n * a)
    )
    x = _normal(11, 67, f, d)
    return x[_stack_by_numpy(x, layers, spec)[1] > RELU_MARGIN], layers, spec


def _stack_by_numpy(x: np.ndarray, layers: tuple[LayerWeights, ...], spec: StackSpec) -> tuple[np.ndarray, np.ndarray]:
    """Output [b, f, w], and how near to 0 an input of a projection's ReLU comes, [b]."""
    y, margin = x.astype(np.float64), np.full(len(x), np.inf)
    for layer in layers:
        kernel, bias, scale, offset = (array.astype(np.float64) for array in layer)
        projected = np.einsum('bfd,dpna->pbnfa', y, kernel) + bias[:, None, :, None]
        margin = np.minimum(margin, np.abs(projected).min((0, 2, 3, 4)))
        query, key, value, residual = np.maximum(projected, 0)
        weights = _softmax_by_numpy(np.einsum('bnfa,bnga->bnfg', query, key) * spec.scale)  # Eq. 5
        mixed = np.maximum(np.einsum('bnfg,bnga->bnfa', weights, value) + residual, 0)  # Eqs. 6 to 8
        y = mixed.swapaxes(1, 2).reshape(*y.shape[:2], -1)
        centred = y - y.mean(-1, keepdims=True)
        y = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + NORM_EPSILON) * scale + offset
    return y, margin


def _stack() -> Comparison:
    x, layers, spec = _drawn()
    ours = jax.jit(lambda x, layers: interacting_stack('einsum', x, layers, (None, None), spec))(x, layers)
    return Comparison([ours], [_stack_by_numpy(x, layers, spec)[0]], 1e-5)


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
            chosen_form(ModelConfig(form=form))
        except UsageError as error:
            yield Check(NOTE, f'form {form!r} does not run here: {error}')
            continue
        if form != 'einsum':
            yield compared(
                name, lambda form=form: Comparison(_values_and_gradients(form), _values_and_gradients('einsum'), 3e-5)
            )


def _optimizer(name: str) -> Comparison:
    config = OptimizerConfig(tables=name, learning_rate=0.1)
    table = _normal(13, 17, 3)
    batches = [
        (np.array(rows, np.int32), _normal(20 + number, len(rows), 3))
        for number, rows in enumerate(([0, 3, 3, 16, 5], [3, 7, 7, 7, 1], [0, 5, 16, 16, 2]))
    ]
    optimizer = table_optimizer(config)

    @jax.jit
    def ours(table):
        slots = optimizer.init(table)
        for step, (numbers, gradients) in enumerate(batches):
            _, was = optimizer.read(table, slots, jnp.asarray(numbers), jnp.int32(step))
            table, slots = optimizer.update(table, slots, was, jnp.asarray(gradients), jnp.int32(step))
        return optimizer.flush(table, slots, jnp.int32(len(batches)))[0]

    theirs = _optimized_by_numpy(config, table.astype(np.float64), batches)
    return Comparison([ours(jnp.asarray(table))], [theirs], 1e-5)


def _optimized_by_numpy(
    config: OptimizerConfig, table: np.ndarray, batches: list[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Row-wise Adagrad, lazy Adam, or dense Adam, which deferred Adam follows."""
    m, nu, accumulated = np.zeros_like(table), np.zeros_like(table), np.zeros((len(table), 1))
    for step, (numbers, gradients) in enumerate(batches, start=1):
        gradient = _summed_by_numpy(numbers, gradients, len(table))
        if config.tables == 'rowwise_adagrad':
            accumulated += (gradient**2).mean(1, keepdims=True)
            table = table - config.learning_rate * gradient / (np.sqrt(accumulated) + config.epsilon)
            continue
        stepped = np.unique(numbers) if config.tables == 'lazy_adam' else slice(None)
        m[stepped] = config.b1 * m[stepped] + (1 - config.b1) * gradient[stepped]
        nu[stepped] = config.b2 * nu[stepped] + (1 - config.b2) * gradient[stepped] ** 2
        change = m / (1 - config.b1**step) / (np.sqrt(nu / (1 - config.b2**step)) + config.epsilon)
        table[stepped] -= config.learning_rate * change[stepped]
    return table
