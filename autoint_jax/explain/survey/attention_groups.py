"""The mean attention of rows by label and by decile of prediction, and whether several runs agree on it."""

from collections.abc import Sequence

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.evaluation.calibration import equal_mass_bins
from autoint_jax.evaluation.segments import DECILES
from autoint_jax.explain import attention
from autoint_jax.explain.findings import Agreement, AttentionGroup
from autoint_jax.explain.pairs import rank_matrix
from autoint_jax.training.trained import TrainedRun

CLASSES = 3  # label 0, label 1, and no label
ALL = 'all rows'


def attention_groups(run: TrainedRun, rows: Columns, logits: np.ndarray) -> list[AttentionGroup]:
    """Returns the mean attention of all rows, of rows by label, and by decile of prediction, computed in one pass.

    Groups without rows are left out.

    Args:
      run: the run.
      rows: the rows, [n], at least one; they are read block by block.
      logits: their logits, float32 [n].
    """
    labels = np.asarray(rows.labels)
    classes = np.where(np.isnan(labels), 2, labels > 0.5).astype(np.int64)
    deciles = equal_mass_bins(logits, DECILES)
    cells = np.arange(DECILES * CLASSES)
    sums = attention.summed(run.setup, run.state, rows, deciles * CLASSES + classes, len(cells))
    counts = np.bincount(deciles * CLASSES + classes, minlength=len(cells))
    chosen = {ALL: cells >= 0}
    chosen |= {f'label {label}': cells % CLASSES == label for label in range(2)}
    chosen |= {f'decile {number + 1} of prediction': cells // CLASSES == number for number in range(DECILES)}
    return [
        AttentionGroup(name, int(counts[of].sum()), (sums[of].sum(0) / counts[of].sum()).astype(np.float32))
        for name, of in chosen.items()
        if counts[of].sum()
    ]


def agreement(names: Sequence[str], maps: Sequence[np.ndarray]) -> Agreement:
    """Returns how much the mean attention of several runs agrees.

    Heads of different runs do not correspond, so their mean is compared.

    Args:
      names: of the runs, [r].
      maps: mean attention of each run, [l, n, f, g]; all have as many layers.
    """
    layers, fields = maps[0].shape[0], maps[0].shape[-1]
    apart = ~np.eye(fields, dtype=bool)
    heads = np.stack([own.mean(1) for own in maps], 1)  # [l, r, f, g]
    compared = [*heads, heads.mean(0)]
    return Agreement(
        list(names),
        [*layer_names(layers), 'mean of layers'],
        np.stack([rank_matrix(own[:, apart]) for own in compared]),
    )


def layer_names(layers: int) -> list[str]:
    """Returns names of so many layers."""
    return [f'layer {number + 1}' for number in range(layers)]
