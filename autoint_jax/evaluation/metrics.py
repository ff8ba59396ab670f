"""Exact metrics of whole splits, from logits: on the devices down to a few numbers, and in NumPy on the host."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# Rows of one partial sum; with at most 2**16 rows a sum of 16-bit numbers fits 32 bits.
BLOCK = 2**16


class Sums(NamedTuple):
    """All that a split's metrics need, a few numbers for every 65,536 rows.

    Attributes:
      classes: int32 [2], rows of label 0 and of label 1.
      won: uint32 [2, blocks], low and high 16 bits of, summed over positives, twice the number of negatives scored
        lower plus the number of those tied; exact.
      losses: float32 [blocks], -log p(label) summed over rows.
    """

    classes: jax.Array
    won: jax.Array
    losses: jax.Array


def sums(logits: jax.Array, labels: jax.Array) -> Sums:
    """The sums behind `figures`; for use under `jit`.

    Args:
      logits: float32 [rows], from 1 to 2**30 of them.
      labels: [rows], 0 or 1.
    """
    positive = labels > 0.5
    return Sums(
        jnp.stack([(~positive).sum(dtype=jnp.int32), positive.sum(dtype=jnp.int32)]),
        _won(*_sorted(logits, positive)),
        _losses(logits, positive),
    )


def _sorted(logits: jax.Array, positive: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Rows by logit, negatives first among equals, as uint32 [rows]: the logit's magnitude in 31 bits, then the label.

    Logits below 0 come first and are sorted apart from the others, so that a row fits one word: sorting words of their
    own is several times faster than sorting pairs. Returns the number of them too.
    """
    logits = jnp.where(logits == 0, 0.0, logits)  # -0 is 0
    below = logits < 0
    bits = jax.lax.bitcast_convert_type(logits, jnp.uint32)  # ordered as magnitudes are, with the sign shifted out
    words = jnp.where(below, ~bits, bits) << 1 | positive.astype(jnp.uint32)
    last = jnp.uint32(2**32 - 1)
    first = jax.lax.sort(jnp.where(below, words, last), is_stable=False)
    second = jax.lax.sort(jnp.where(below, last, words), is_stable=False)
    count = below.sum(dtype=jnp.int32)
    return jax.lax.dynamic_update_slice(jnp.concatenate([first, first]), second, (count,))[: len(words)], count


def _won(words: jax.Array, below: jax.Array) -> jax.Array:
    """`Sums.won` of rows as `_sorted` gives them."""
    negative = 1 - (words & 1)
    negatives = jnp.cumsum(negative, dtype=jnp.uint32)
    magnitude, place = words >> 1, jnp.arange(len(words), dtype=jnp.int32)
    new = (magnitude != jnp.roll(magnitude, 1)) | (place == 0) | (place == below)
    lower = jax.lax.cummax(jnp.where(new, negatives - negative, 0))
    # At a positive, `negatives` has counted all that are tied with it.
    won = _blocks(jnp.where(negative == 0, lower + negatives, 0))
    return jnp.stack([won & 0xFFFF, won >> 16]).sum(-1, dtype=jnp.uint32)


def _losses(logits: jax.Array, positive: jax.Array) -> jax.Array:
    """`Sums.losses`. Adding in pairs keeps the relative error of a sum within 27 roundings, 1.6e-6; 1e-8 is usual."""
    losses = _blocks(jax.nn.softplus(jnp.where(positive, -logits, logits)))
    losses = losses.reshape(len(losses), 16, -1).sum(1)
    while half := losses.shape[1] // 2:
        losses = losses[:, :half] + losses[:, half:]
    return losses[:, 0]


def _blocks(values: jax.Array) -> jax.Array:
    """[rows] -> [blocks, BLOCK], padded with 0."""
    return jnp.pad(values, (0, -len(values) % BLOCK)).reshape(-1, BLOCK)


def figures(of_split: Sums) -> dict[str, float]:
    """The figures every evaluation reports, from a split's sums on the devices or the host.

    The area under the ROC curve is exact to the last bit of a float64 (NaN where only one class is present); the
    logloss has a relative error below 2e-6, 1e-8 as a rule.
    """
    of_split = jax.device_get(of_split)
    negatives, positives = (int(count) for count in of_split.classes)
    low, high = (int(half.sum(dtype=np.uint64)) for half in of_split.won)
    pairs = positives * negatives
    return {
        'auc': (low + (high << 16)) / (2 * pairs) if pairs else float('nan'),
        'logloss': float(of_split.losses.sum(dtype=np.float64) / (positives + negatives)),
    }


def auc(logits: np.ndarray, labels: np.ndarray) -> float:
    """Exact area under the ROC curve: P(positive scores above negative), ties count one half.

    From ranks (Mann-Whitney U), so invariant under any increasing map of the scores.

    Args:
      logits: [rows], any real scores.
      labels: [rows], 0 or 1.

    Returns:
      The area, or NaN where only one class is present and it is not defined.
    """
    positive = np.asarray(labels) > 0.5
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return float('nan')
    _, group, size = np.unique(np.asarray(logits), return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(size) - (size - 1) / 2  # ranks from 1; tied rows share their mean
    rank_sum = mean_rank[group][positive].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def logloss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log p(label) (Eq. 10), in nats, computed from logits in float64, without clipping."""
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels, np.float64)
    return float(np.mean(np.logaddexp(0, logits) - labels * logits))


def summary(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The figures every evaluation reports, from logits on the host."""
    return {'auc': auc(logits, labels), 'logloss': logloss(logits, labels)}


def shown_auc(area: float, digits: int) -> str:
    """The area for a person, with the reason where it is not defined."""
    return 'not defined (one class only)' if np.isnan(area) else f'{area:.{digits}f}'
