"""What fields and groups of fields do to the logits of a run: the rows, the kind of evidence, and the means.

If no background rows are given, rows are taken two by two, and each is the background row of the other. With S kept,
the one is then the same row as the other with all but S kept. So two rows share their scores, their strengths are
equal, and so are their effects, with another sign if the number of fields is odd.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError, nearest
from autoint_jax.explain import evidence, interventions, shapley
from autoint_jax.explain.counterfactuals import Explained, Score, taken, with_background
from autoint_jax.explain.effects import Effects, Resampled
from autoint_jax.explain.interventions import Differences
from autoint_jax.explain.shapley import Values
from autoint_jax.training.step.scoring import BlockScorer
from autoint_jax.training.step.state import Setup
from autoint_jax.training.trained import TrainedRun

INTERVENTION, SHAPLEY = 'intervention', 'shapley'
KINDS = (INTERVENTION, SHAPLEY, *evidence.KINDS)
MOST_ROWS, SAMPLES = 10_000, 8
MOST_ORDER, MOST_GROUPS = 3, 20_000


class Asked(NamedTuple):
    """What is asked about interactions, as `LoadedRun.interactions` explains it."""

    order: int = 2
    kind: str = INTERVENTION
    fields: tuple[str, ...] = ()
    backgrounds: int = 1
    most_rows: int = MOST_ROWS
    samples: int = SAMPLES
    seed: int = 0

    def check(self, setup: Setup) -> None:
        """Raises UsageError if a value is wrong for a run."""
        names = setup.schema.names
        if self.kind not in KINDS:
            raise UsageError(f'unknown kind {self.kind!r}{nearest(self.kind, list(KINDS))}; known: {", ".join(KINDS)}')
        for name in self.fields:
            if name not in names:
                raise UsageError(f'there is no field {name!r}{nearest(name, names)}; there are {", ".join(names)}')
        count = len(set(self.fields)) or len(names)
        if not 1 <= self.order <= min(MOST_ORDER, count):
            raise UsageError(f'order={self.order} must be at least 1 and at most {min(MOST_ORDER, count)}')
        if self.kind in evidence.KINDS and self.order != 2:
            raise UsageError(f'kind={self.kind!r} is about pairs of fields: leave order at 2, not {self.order}')
        if math.comb(count, self.order) > MOST_GROUPS:
            raise UsageError(
                f'there are {math.comb(count, self.order):,} groups of {self.order} of {count} fields, more than '
                f'{MOST_GROUPS:,}: name fewer fields by fields=[...]'
            )
        for name in ('backgrounds', 'most_rows'):
            if getattr(self, name) < 1:
                raise UsageError(f'{name}={getattr(self, name)} must be at least 1')
        if self.samples < 2 or self.samples % 2:
            raise UsageError(f'samples={self.samples} must be an even number of at least 2')

    def groups(self, names: list[str]) -> list[tuple[int, ...]]:
        """Returns the groups, by numbers of fields."""
        chosen = [number for number, name in enumerate(names) if not self.fields or name in self.fields]
        return interventions.groups_of(chosen, self.order)


class OfRows(NamedTuple):
    """What groups of fields do in successive rows.

    Attributes:
      strengths, effects: of each group in each row, [n, groups]. Effects are NaN if the kind of evidence has no sign.
      together: so many successive rows share their scores; a resample takes all of them or none.
    """

    strengths: np.ndarray
    effects: np.ndarray
    together: int = 1


def effects(
    run: TrainedRun, scorer: BlockScorer, columns: Columns, background: Columns | None, asked: Asked
) -> Effects:
    """Returns the strength of groups of fields in some rows.

    Args:
      run: the run.
      scorer: scores rows of it.
      columns: the rows.
      background: the rows from which background rows are drawn; None for the others among the rows.
      asked: what is asked; it is checked.

    Raises:
      UsageError: there are no rows, or no background rows.
    """
    rows = drawn_rows(columns, asked.most_rows, asked.seed)
    groups, names = asked.groups(run.setup.schema.names), run.setup.schema.names
    if not len(rows):
        raise UsageError('there is no row to explain')
    summed = Resampled(len(groups), asked.seed)
    for piece in by_row(run, scorer, rows, background, asked, groups):
        summed.add(*piece)
    return summed.result([tuple(names[field] for field in group) for group in groups])


def by_row(
    run: TrainedRun,
    scorer: BlockScorer,
    rows: Columns,
    background: Columns | None,
    asked: Asked,
    groups: Sequence[tuple[int, ...]],
) -> Iterator[OfRows]:
    """Yields what groups do in single rows, piece by piece: means over the background rows of a row.

    Args:
      run, scorer, background: as in `effects`.
      rows: the rows, in memory and in random order.
      asked: what is asked, except for the groups.
      groups: the groups, by numbers of fields; all have the same size.

    Raises:
      UsageError: there are no background rows, or the model has no attention over fields.
    """
    if asked.kind in evidence.KINDS:
        first, second = np.array(groups).T
        for maps in evidence.maps(run.setup, run.state, rows, asked.kind):
            pairs = (maps[:, first, second] + maps[:, second, first]) / 2
            yield OfRows(pairs, np.full_like(pairs, np.nan))
        return
    if not len(rows if background is None else background) or (background is None and len(rows) < 2):
        raise UsageError('one row has no other row beside it: pass rows as background')
    score, schema = score_of(run, scorer), run.setup.schema
    samples = 0 if len(schema.fields) <= shapley.MOST_EXACT else asked.samples

    def found(explained: Explained, number: int = 0) -> Iterator[Differences] | Iterator[Values]:
        if asked.kind == SHAPLEY:
            return shapley.values(score, explained, groups, samples, asked.seed + number)
        return interventions.differences(score, explained, groups)

    if background is None and asked.backgrounds == 1:
        paired, sign = len(rows) // 2 * 2, (-1.0) ** len(groups[0])
        for piece in found(Explained(schema, *(taken(rows, np.arange(first, paired, 2)) for first in (0, 1)))):
            of_both = np.stack([piece.effect, sign * piece.effect], 1).reshape(-1, len(groups))
            yield OfRows(np.repeat(piece.strength, 2, 0), of_both, 2)
        if paired < len(rows):  # the last row has no partner of its own
            last = Explained(schema, rows.part(slice(paired, None)), rows.part(slice(paired - 1, paired)))
            yield from (OfRows(piece.strength, piece.effect) for piece in found(last, 1))
        return
    drawn = with_background(schema, rows, background, asked.backgrounds, asked.seed)
    for pieces in zip(*(found(explained, number) for number, explained in enumerate(drawn)), strict=True):
        yield OfRows(*(np.mean([getattr(piece, name) for piece in pieces], 0) for name in ('strength', 'effect')))


def score_of(run: TrainedRun, scorer: BlockScorer) -> Score:
    """Returns a function that scores rows of a run: columns [n] -> logits float32 [n]."""

    def score(columns: Columns) -> np.ndarray:
        return np.concatenate(list(map(np.asarray, scorer(run.state.variables, run.state.tables, columns))))

    return score


def drawn_rows(columns: Columns, most: int, seed: int) -> Columns:
    """Returns rows of columns, in memory and in random order: all, or `most` that are drawn."""
    count, rng = len(columns), np.random.default_rng((2016, seed))
    chosen = np.arange(count) if count <= most else np.sort(rng.choice(count, most, replace=False))
    return taken(taken(columns, chosen), rng.permutation(len(chosen)))  # read in order, because that is faster
