"""Criteria for curves: the paper's statements about AutoInt as one option varies (Song et al., CIKM 2019, section 5).

The paper prints these results as images and a footnote, so criteria judge shapes, not figures. They compare means over
seeds. If the data set or the chosen values do not allow a criterion, it is not judged, and its text says why.
"""

from collections.abc import Callable
from typing import NamedTuple

from autoint_jax.records import comparison
from autoint_jax.reproduction.paper.published import DATASETS, Figures

STABLE = 0.002  # of AUC or logloss; runs that differ only in their seed may lie so far apart
NO_GAIN = 0.001  # of AUC; for click-through rates the paper calls a difference of this size significant
NOT_JUDGED = 'not judged'

# {value of the option: mean test figures over seeds}
Means = dict[int, Figures]


class Criterion(NamedTuple):
    """A criterion for a curve, and whether the curve meets it.

    Attributes:
      text: the criterion, or the reason why there is none.
      passed: whether the curve meets it; None if it is not judged.
    """

    text: str
    passed: bool | None

    @property
    def verdict(self) -> str:
        """PASS, FAIL or NOT_JUDGED."""
        return NOT_JUDGED if self.passed is None else comparison.verdict(self.passed)


def overall(criteria: list[Criterion]) -> Criterion:
    """Combines criteria to one. It fails if one failed; otherwise it is not judged if one was not judged."""
    found = {criterion.passed for criterion in criteria}
    passed = False if False in found else None if None in found else True
    return Criterion('; '.join(criterion.text for criterion in criteria), passed)


def depth(dataset: str, means: Means) -> list[Criterion]:
    """Returns the criteria of Figure 5, by number of interacting layers.

    AUC and logloss gain dramatically with the first layer, gain further with more layers, and are stable from three.
    The paper shows this for KDD12 and MovieLens-1M and says that Criteo and Avazu are similar. With 0 layers the output
    layer reads the embeddings.
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
    """Returns the criteria of Figure 6, by size of the embeddings.

    On KDD12 larger embeddings are always better. On MovieLens-1M performance drops when their size reaches 24. The text
    says "performance", and the figure has both AUC and logloss, so both are judged there.
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
    """Returns the criteria of the footnote on the number of heads, which names no data set.

    One head is worse than two, and more than two bring no significant gain.
    """
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
