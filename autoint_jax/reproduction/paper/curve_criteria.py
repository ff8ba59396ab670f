"""What the paper says of AutoInt as one option varies, and whether ours does the same (Song et al., CIKM 2019, section 5).

The paper prints these results as images and a footnote, so shapes are judged, not figures. Means over seeds are compared. A
criterion that the data set or the chosen values do not allow is not judged, and says why.
"""

from collections.abc import Callable
from typing import NamedTuple

from autoint_jax.records import comparison
from autoint_jax.reproduction.paper.published import DATASETS, Figures

STABLE = 0.002  # AUC or logloss; runs that differ in their seed only may lie as far apart
NO_GAIN = 0.001  # AUC; for click-through rates the paper calls a difference of this size significant
NOT_JUDGED = 'not judged'

# {value of the option: mean test figures over seeds}
Means = dict[int, Figures]


class Criterion(NamedTuple):
    """What is asked of a curve, and the answer.

    Attributes:
      text: what is asked, or why nothing is.
      passed: whether it holds; None where it is not judged.
    """

    text: str
    passed: bool | None

    @property
    def verdict(self) -> str:
        return NOT_JUDGED if self.passed is None else comparison.verdict(self.passed)


def overall(criteria: list[Criterion]) -> Criterion:
    """All criteria as one: failed if one failed, else not judged if one was not."""
    found = {criterion.passed for criterion in criteria}
    passed = False if False in found else None if None in found else True
    return Criterion('; '.join(criterion.text for criterion in criteria), passed)


def depth(dataset: str, means: Means) -> list[Criterion]:
    """Figure 5: AUC and logloss gain dramatically with the first interacting layer, further with more, and are stable from three.

    Shown for KDD12 and MovieLens-1M; Criteo and Avazu are said to be similar. At 0 layers the output layer reads the embeddings.
    """
    if dataset not in DATASETS:
        return [_no_shape(dataset)]

    def first_gains_most() -> bool:
        later = [figures for value, figures in means.items() if value > 1]
        return means[1].auc - means[0].auc > max(0, *(figures.auc - means[1].auc for figures in later)) and means[
            0
        ].logloss - means[1].logloss > max(0, *(means[1].logloss - figures.logloss for figures in later))

    def gains_to_three() -> bool:
        return means[3].auc > means[1].auc and means[3].logloss < means[1].logloss

    def stable() -> bool:
        return all(
            abs(figures.auc - means[3].auc) <= STABLE and abs(figures.logloss - means[3].logloss) <= STABLE
            for value, figures in means.items()
            if value > 3
        )

    return [
        _judged(
            'the first layer gains more AUC and more logloss than all later ones together',
            (0, 1, 3),
            means,
            first_gains_most,
        ),
        _judged('3 layers are better than 1 in both', (1, 3), means, gains_to_three),
        _judged(f'more than 3 layers change neither by more than {STABLE}', (3, 4), means, stable),
    ]


def embedding_size(dataset: str, means: Means) -> list[Criterion]:
    """Figure 6: on KDD12 larger embeddings are better throughout; on MovieLens-1M performance drops once their size reaches 24.

    The text says "performance" and the figure has both AUC and logloss, so both are judged there.
    """
    if dataset == 'kdd12':
        aucs = [means[size].auc for size in sorted(means)]
        return [
            _judged(
                'the AUC of no size is below that of the size before it',
                (8, 16, 24, 32),
                means,
                lambda: aucs == sorted(aucs),
            )
        ]
    if dataset == 'movielens_1m':
        return [
            _judged(
                'the best AUC is that of a size below 24',
                (16, 24),
                means,
                lambda: max(means, key=lambda size: (means[size].auc, size)) < 24,
            ),
            _judged(
                'the best logloss is that of a size below 24',
                (16, 24),
                means,
                lambda: max(means, key=lambda size: (-means[size].logloss, size)) < 24,
            ),
        ]
    return [_no_shape(dataset)]


def heads(dataset: str, means: Means) -> list[Criterion]:
    """Footnote on the number of heads: one is worse than two, more than two bring no significant gain. It names no data set."""
    if dataset not in DATASETS:
        return [_no_shape(dataset)]
    return [
        _judged('the AUC of one head is below that of two', (1, 2), means, lambda: means[1].auc < means[2].auc),
        _judged(
            f'more than two gain at most {NO_GAIN} in AUC over two',
            (2, 4),
            means,
            lambda: all(figures.auc - means[2].auc <= NO_GAIN for value, figures in means.items() if value > 2),
        ),
    ]


def _no_shape(dataset: str) -> Criterion:
    return Criterion(f'the paper states no shape for {dataset}', None)


def _judged(text: str, needed: tuple[int, ...], means: Means, holds: Callable[[], bool]) -> Criterion:
    missing = [str(value) for value in needed if value not in means]
    return Criterion(f'{text} (without {", ".join(missing)})', None) if missing else Criterion(text, holds())
