import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoint_jax.evaluation import calibration, metrics, ranking, sums
from autoint_jax.evaluation.metric import Scored


def on_device(logits, labels):
    """AUC and logloss."""
    return of_sums(jax.jit(sums.sums)(np.asarray(logits, np.float32), np.asarray(labels, np.float32)))


def of_sums(found):
    return metrics.figures(metrics.ALWAYS, Scored(sums.totals(found), np.zeros(0)))


@pytest.mark.parametrize('rows', [1, 2, 4999, 65536, 65537, 200_003])
@pytest.mark.parametrize('decimals', [0, 2, 9], ids=['many ties', 'some ties', 'no ties'])
@pytest.mark.parametrize('shift', [-30, -0.5, 30], ids=['all below 0', 'around 0', 'all above 0'])
def test_device_figures_equal_those_of_the_host(rows, decimals, shift):
    rng = np.random.default_rng(rows)
    labels = (rng.random(rows) < 0.2).astype(np.float32)
    logits = np.round(rng.normal(size=rows) + labels + shift, decimals).astype(np.float32)
    logits[rng.random(rows) < 0.01] *= 0  # 0 and -0
    ours = on_device(logits, labels)
    assert ours['auc'] == pytest.approx(ranking.auc(logits, labels), abs=1e-12, nan_ok=True)
    assert ours['logloss'] == pytest.approx(calibration.logloss(logits, labels), rel=2e-7, abs=1e-12)


def test_device_auc_of_special_values():
    infinite, tiny = float('inf'), float(np.finfo(np.float32).smallest_normal)
    logits = [-infinite, -1e38, -1.0, -tiny, -0.0, 0.0, tiny, 1.0, 1e38, infinite]
    for first in range(len(logits) - 1):
        lower, higher = logits[first : first + 2]
        expected = 0.5 if lower == higher else 1.0
        assert on_device([higher, lower], [1, 0])['auc'] == expected
        assert on_device([higher, lower], [0, 1])['auc'] == 1 - expected
    assert on_device([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])['auc'] == 3.5 / 4
    assert math.isnan(on_device([0.1, 0.2], [1, 1])['auc']) and math.isnan(on_device([0.1, 0.2], [0, 0])['auc'])
    # The same magnitude on both sides of 0, adjacent in the order: no tie. Their words agree but for the sign.
    mirrored = float(np.uint32(0x3FFFFFFF).view(np.float32))
    assert on_device([-mirrored, float(np.uint32(0x40000000).view(np.float32))], [0, 1])['auc'] == 1.0


def test_device_logloss_of_extreme_logits_is_finite_and_nan_is_not_hidden():
    assert on_device([1000.0, -1000.0], [0, 1])['logloss'] == 1000.0
    assert on_device([1000.0, -1000.0], [1, 0])['logloss'] == 0.0
    assert math.isnan(on_device([float('nan'), 1.0], [1, 0])['logloss'])


def test_counts_past_32_bits_are_exact():
    """Every positive above every negative, then below, then all tied: 2.25e12 pairs of rows sorted before."""
    rows = 3_000_000
    halves = (jnp.arange(rows) >= rows // 2).astype(jnp.uint32)
    for words, area in ((halves * 2 + halves, 1.0), (halves * 2 + 1 - halves, 0.0), (halves, 0.5)):
        won = jax.jit(sums._won)(words, jnp.int32(0))
        found = sums.Sums(np.full(2, rows // 2, np.int32), won, np.zeros(1, np.float32))
        assert of_sums(found)['auc'] == area
