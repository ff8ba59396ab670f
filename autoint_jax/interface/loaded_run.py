"""A trained run as Python programs use it: `autoint_jax.load`."""

import pathlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from autoint_jax.data.preparation.progress import SilentPreparation
from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.explain.attention import Attention, attention_of
from autoint_jax.explain.counterfactuals import taken
from autoint_jax.explain.effects import Effects
from autoint_jax.explain.findings import Findings
from autoint_jax.explain.strengths import INTERVENTION, MOST_ROWS, SAMPLES, Asked, effects
from autoint_jax.explain.survey.request import Choice, Source, Surveyed
from autoint_jax.explain.survey.survey import findings_of
from autoint_jax.interface.frames import files_of
from autoint_jax.interface.sources import check_others, split_source
from autoint_jax.scoring.predictor import Predictor, scorer_of
from autoint_jax.training.trained import open_run, open_scorer
from autoint_jax.units import counted

MAX_BAD_SHARE = 0.001


class LoadedRun:
    """A trained run that scores rows and splits, and explains the scores.

    Where a method takes rows, these are a frame of Polars or pandas, or a list of dictionaries, with the columns of the
    training files; or the path of a file or folder, as `scripts/predict.py --input` takes it. A row that cannot be
    parsed keeps its place. UsageError is raised if a column is lacking, or if too many rows cannot be parsed.

    Attributes:
      folder: the run folder.
    """

    def __init__(self, run_dir: str | pathlib.Path, data_dir: str | pathlib.Path, step: int | None):
        """Opens a run, as `autoint_jax.load` says."""
        self.folder, self._data_dir, self._step = pathlib.Path(run_dir), str(data_dir), step
        self._run = open_scorer(self.folder, self._data_dir, step)
        self._scorer = scorer_of(self._run)

    @property
    def fields(self) -> list[str]:
        """Names of the fields, in the order in which explanations have them."""
        return self._run.setup.schema.names

    def predict(self, rows: Any, *, keep: Sequence[str] = (), max_bad_share: float = MAX_BAD_SHARE) -> pl.DataFrame:
        """Returns the scores of raw rows, in their order.

        Args:
          rows: the rows.
          keep: columns of the rows that the scores have, too.
          max_bad_share: share of the rows that may be unreadable; up to two such rows are allowed unless it is 0.

        Returns:
          A frame with the columns row, those of `keep`, label, logit and probability. The last two are null in a row
          that could not be parsed. There is a warning about such rows, and one about fields of which the run does not
          know most values.
        """
        if isinstance(keep, str):
            raise UsageError(f'keep={keep!r} is a text: pass a list of names, such as keep=[{keep!r}]')
        predictor = Predictor(self._run, keep, max_bad_share, self._scorer)
        with files_of(rows, predictor.encoder.plan) as files:
            scores = pl.concat([predictor.empty(), *predictor.scores(files.paths, SilentPreparation())])
        if predictor.bad.count:
            first = predictor.bad.first[0]
            warnings.warn(
                f'{predictor.bad.count:,} of {counted(predictor.rows, "row")} could not be parsed and have no '
                f'score; the first is line {first.line}: {first.reason}',
                stacklevel=2,
            )
        unseen = predictor.encoder.unseen.warning(predictor.rows - predictor.bad.count, predictor.encoder.usual)
        if unseen:
            warnings.warn(unseen, stacklevel=2)
        return scores

    def evaluate(self, split: str) -> dict[str, float]:
        """Returns {name: value} of the run's metrics on a split of its prepared data.

        Raises UsageError if the prepared data is missing or has another hash, or if there is no such split.
        """
        run = open_run(self.folder, self._data_dir, self._step)
        return run.figures(run.data.split(split))

    def attention(self, rows: Any, *, max_bad_share: float = MAX_BAD_SHARE) -> Attention:
        """Returns the attention between fields in raw rows, in their order; NaN for a row that could not be parsed.

        Args:
          rows: the rows.
          max_bad_share: as in `predict`.

        Raises:
          UsageError: also if the model has no attention over fields, or the result does not fit into memory.
        """
        columns, bad = self._encoded(rows, max_bad_share)
        found = attention_of(self._run.setup, self._run.state, columns)
        found.weights[bad] = np.nan
        return found

    def importance(
        self, rows: Any = None, *, split: str | None = None, kind: str = INTERVENTION, background: Any = None
    ) -> Effects:
        """Returns how much each field matters to the logit, for every model.

        It is `interactions` with order=1, which has the same arguments and more. The kinds are 'intervention' and
        'shapley'.
        """
        return self.interactions(rows, split=split, order=1, kind=kind, background=background)

    def interactions(
        self,
        rows: Any = None,
        *,
        split: str | None = None,
        order: int = 2,
        kind: str = INTERVENTION,
        fields: Sequence[str] = (),
        background: Any = None,
        backgrounds: int = 1,
        most_rows: int = MOST_ROWS,
        samples: int = SAMPLES,
        seed: int = 0,
    ) -> Effects:
        """Returns how strongly groups of fields interact in the logit.

        Args:
          rows: the rows; rows that cannot be parsed are left out.
          split: a split of the prepared data, in place of rows.
          order: number of fields in a group: 1, 2 or 3.
          kind: 'intervention' (`explain/interventions.py`) and 'shapley' (`explain/shapley.py`) are for every model;
            'attention', 'rollout' and 'gradient' (`explain/evidence.py`) are for pairs in models with attention.
          fields: only groups of these fields; by default of all.
          background: rows from which background rows are drawn; by default the others among the rows.
          backgrounds: number of background rows for each row.
          most_rows: if there are more rows, so many are drawn from them.
          samples: for 'shapley' with more than ten fields, number of contexts for each row and group.
          seed: seed of all draws.

        Returns:
          The strength of each group, with an interval.

        Raises:
          UsageError: also if an option is wrong, or the model has no attention over fields.
        """
        asked = Asked(order, kind, tuple(fields), backgrounds, most_rows, samples, seed)
        asked.check(self._run.setup)
        columns = self._source(rows, split).columns
        beside = None if background is None else self._sound(background)
        return effects(self._run, self._scorer, columns, beside, asked)

    def findings(
        self,
        rows: Any = None,
        *,
        split: str | None = None,
        where: Sequence[str] = (),
        group_by: str = '',
        other_runs: Sequence[str | pathlib.Path] = (),
        seed: int = 0,
    ) -> Findings:
        """Returns all numbers of the report that `scripts/explain.py` writes.

        Args:
          rows: the rows, two at least; rows that cannot be parsed are left out.
          split: a split of the prepared data, in place of rows.
          where: conditions on rows, such as 'Gender=F'; all must hold.
          group_by: the categorical field within whose values the AUC is measured; '' for none.
          other_runs: folders of runs of the same model on the same data, with other seeds, to compare with.
          seed: seed of all draws.

        Raises:
          UsageError: also if a condition names no field or value, or another run is of another model.
        """
        check_others(self._surveyed(), other_runs)
        others = (LoadedRun(folder, self._data_dir, None)._surveyed() for folder in other_runs)
        choice = Choice(tuple(where), group_by=group_by, seed=seed)
        return findings_of(self._surveyed(), self._source(rows, split), choice, others)

    def _surveyed(self) -> Surveyed:
        return Surveyed(self.folder, self._run, self._scorer)

    def _source(self, rows: Any, split: str | None) -> Source:
        """Returns raw rows or a split, one of which must be given, as rows to explain."""
        if (rows is None) == (split is None):
            raise UsageError('say which rows to explain: either rows or split=NAME')
        if split is not None:
            return split_source(open_run(self.folder, self._data_dir, self._step).data, split)
        return Source('rows', self._sound(rows))

    def _sound(self, rows: Any) -> Columns:
        """Returns the raw rows that could be parsed, as columns."""
        columns, bad = self._encoded(rows, MAX_BAD_SHARE)
        return taken(columns, np.flatnonzero(~bad))

    def _encoded(self, rows: Any, max_bad_share: float) -> tuple[Columns, np.ndarray]:
        """Returns raw rows as columns, and which of them could not be parsed, bool [n]."""
        predictor = Predictor(self._run, (), max_bad_share, self._scorer)
        with files_of(rows, predictor.encoder.plan) as files:
            blocks = list(predictor.encoded(files.paths, SilentPreparation()))
        if not blocks:
            raise UsageError('there is no row to explain')
        return (
            Columns(
                *(
                    np.concatenate([getattr(own.columns, name) for own in blocks])
                    for name in ('ids', 'numeric', 'labels')
                )
            ),
            np.concatenate([own.bad for own in blocks]),
        )
