"""The operations of a training step in NumPy and float64, to which those of a device are compared."""

import numpy as np

from autoint_jax.config.optimizer_config import OptimizerConfig
from autoint_jax.models.interacting.stack import NORM_EPSILON, LayerWeights, StackSpec


def summed_rows(rows: np.ndarray, gradients: np.ndarray, table_rows: int) -> np.ndarray:
    """Sums gradients by row: row numbers [n] and gradients [n, d] -> sums [table_rows, d]."""
    sums = np.zeros((table_rows, gradients.shape[1]))
    np.add.at(sums, rows, gradients)
    return sums


def softmax(scores: np.ndarray) -> np.ndarray:
    """Returns the softmax over the last axis, in the shape of `scores`."""
    exponentials = np.exp(scores - scores.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def interacting_stack(
    x: np.ndarray, layers: tuple[LayerWeights, ...], spec: StackSpec
) -> tuple[np.ndarray, np.ndarray]:
    """Computes interacting layers (Eqs. 5 to 8) with LayerNorm.

    Args:
      x: the embeddings of fields [b, f, d].
      layers: the weights of each layer.
      spec: the form of the layers; only its `scale` is used.

    Returns:
      The output [b, f, w], and for each row the smallest distance of a ReLU's input from 0 [b].
    """
    y, margin = x.astype(np.float64), np.full(len(x), np.inf)
    for layer in layers:
        kernel, bias, scale, offset = (np.asarray(array, np.float64) for array in layer)
        projected = np.einsum('bfd,dpna->pbnfa', y, kernel) + bias[:, None, :, None]
        margin = np.minimum(margin, np.abs(projected).min((0, 2, 3, 4)))
        query, key, value, residual = np.maximum(projected, 0)
        weights = softmax(np.einsum('bnfa,bnga->bnfg', query, key) * spec.scale)  # Eq. 5
        mixed = np.maximum(np.einsum('bnfg,bnga->bnfa', weights, value) + residual, 0)  # Eqs. 6 to 8
        y = mixed.swapaxes(1, 2).reshape(*y.shape[:2], -1)
        centred = y - y.mean(-1, keepdims=True)
        y = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + NORM_EPSILON) * scale + offset
    return y, margin


def optimized_table(
    config: OptimizerConfig, table: np.ndarray, batches: list[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Takes steps of row-wise Adagrad, lazy Adam or dense Adam. Deferred Adam must give the same values as dense Adam.

    Args:
      config: names the optimizer and its rates.
      table: the table [v, d] before the first step.
      batches: for each step the row numbers [n] and their gradients [n, d].

    Returns:
      The table [v, d] after the last step.
    """
    m, nu, accumulated = np.zeros_like(table), np.zeros_like(table), np.zeros((len(table), 1))
    for step, (numbers, gradients) in enumerate(batches, start=1):
        gradient = summed_rows(numbers, gradients, len(table))
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
