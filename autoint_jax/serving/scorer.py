"""Scores raw rows by a bundle, with ONNX Runtime and NumPy alone: no JAX, and no code that encodes features.

scorer = Scorer('bundle')
scores = scorer.score([{'user': '7', 'item': '31', 'price': 2.5}])
scores.probabilities
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from autoint_jax.bundle.manifest import FORMATS, verified
from autoint_jax.errors import UsageError
from autoint_jax.serving.raw_columns import CONTEXT, columns_of, surplus
from autoint_jax.terminal import shown

RAW, REQUEST = 'onnx_raw', 'onnx_request'  # names of formats
ROWS_AT_ONCE = 4096  # at most so many rows are scored by one call, so that memory does not grow with their number


class Scores(NamedTuple):
    """The scores of some rows, in their order.

    Attributes:
      logits: float32 [n]; NaN in a row with a value that its column cannot hold, such as a word among whole numbers.
      probabilities: float32 [n], 1 / (1 + exp(-logit)).
      ignored: names of columns of the rows that the model does not know.
    """

    logits: np.ndarray
    probabilities: np.ndarray
    ignored: list[str]

    @property
    def without(self) -> list[int]:
        """Numbers of the rows without a score."""
        return np.flatnonzero(np.isnan(self.logits)).tolist()


class Scorer:
    """A bundle that scores raw rows. Several threads may use it at once.

    Attributes:
      manifest: that of the bundle.
      context: the raw columns that a request computes once; empty if the bundle has no request.onnx.
    """

    def __init__(self, bundle: str | pathlib.Path, *, threads: int = 0):
        """Opens a bundle, after comparing all its files with their checksums.

        Args:
          bundle: the folder.
          threads: threads that share the work of one call; 0 for as many as there are cores.

        Raises:
          UsageError: the folder is no whole bundle, a file was changed, or it was exported without raw inputs.
        """
        folder = pathlib.Path(bundle)
        self.manifest = verified(folder)
        if RAW not in self.manifest.formats:
            raise UsageError(
                f'{folder} has no {FORMATS[RAW]}, which scores raw rows: export the run again with --onnx_inputs=raw'
            )
        self._columns = {column.name: column for column in self.manifest.raw_inputs}
        self._raw = session_of(folder / FORMATS[RAW], threads)
        self._request: onnxruntime.InferenceSession | None = None
        self.context: tuple[str, ...] = ()
        if REQUEST in self.manifest.formats and self.manifest.context:
            self.context = self.manifest.context
            self._request = session_of(folder / FORMATS[REQUEST], threads)

    def score(self, rows: Sequence[Mapping[str, Any]]) -> Scores:
        """Returns the scores of raw rows.

        Args:
          rows: {column: value}. None is a missing value. Columns that the model does not know are not read.

        Raises:
          UsageError: a row lacks a column, or a value has another type than its column.
        """
        _check_rows(rows, 'row')
        inputs = list(self._columns.values())
        return self._scores(self._raw, {}, columns_of(rows, inputs), len(rows), surplus(rows, inputs))

    def score_request(self, context: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]]) -> Scores:
        """Returns the scores of candidates that share a context.

        If the context has the columns that the bundle was exported with, they are computed once. Any other columns may
        stand in it, too; then the context is repeated for every candidate. The scores are the same.

        Args:
          context: {column: value} of the columns that all candidates share.
          candidates: {column: value} of the other columns.

        Raises:
          UsageError: as `score` does, or a column is in the context and in a candidate.
        """
        if not isinstance(context, Mapping):
            raise UsageError(f'the context is {_called(context)}, not an object of columns and values')
        _check_rows(candidates, 'candidate')
        twice = set(context) & set().union(*candidates) & set(self._columns)
        if twice:
            raise UsageError(
                f'column {shown(min(twice))!r} is in the context and in a candidate: give it in one of them'
            )
        shared = [column for name, column in self._columns.items() if name in context]
        own = [column for name, column in self._columns.items() if name not in context]
        first, others = columns_of([context], shared, CONTEXT), columns_of(candidates, own, 'candidate')
        ignored = sorted((set(context) | set().union(*candidates)) - set(self._columns))
        if self._request is not None and set(first) == set(self.context):
            return self._scores(self._request, first, others, len(candidates), ignored)
        repeated = {name: np.repeat(values, len(candidates)) for name, values in first.items()}
        return self._scores(self._raw, {}, repeated | others, len(candidates), ignored)

    def _scores(
        self,
        session: onnxruntime.InferenceSession,
        shared: Mapping[str, np.ndarray],
        columns: Mapping[str, np.ndarray],
        count: int,
        ignored: list[str],
    ) -> Scores:
        """Computes scores, some thousand rows at a time."""
        types = {one.name: one.type for one in session.get_inputs()}

        def fed(arrays: Mapping[str, np.ndarray], rows: slice) -> dict[str, np.ndarray]:
            return {name: _as_type(values[rows], types[name]) for name, values in arrays.items() if name in types}

        always, parts = fed(shared, slice(None)), []
        for start in range(0, count, ROWS_AT_ONCE):
            given = always | fed(columns, slice(start, start + ROWS_AT_ONCE))
            parts.append(session.run(['logits', 'probability'], given))
        logits, probabilities = (
            np.concatenate([part[output] for part in parts]) if parts else np.zeros(0, np.float32) for output in (0, 1)
        )
        return Scores(logits, probabilities, ignored)


def session_of(path: pathlib.Path, threads: int) -> onnxruntime.InferenceSession:
    """Returns a session for a graph on the CPU. Waiting threads sleep, so that they leave the cores to others."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])


def _as_type(values: np.ndarray, kind: str) -> np.ndarray:
    """Returns values in the type of an input of a graph: texts, float or double."""
    return values.astype(np.float32) if kind == 'tensor(float)' else values


def _check_rows(rows: Any, where: str) -> None:
    """Raises UsageError if rows are no list of dictionaries."""
    if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
        raise UsageError(f'the {where}s are {_called(rows)}, not a list of objects')
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise UsageError(f'{where} {number} is {_called(row)}, not an object of columns and values')


def _called(value: Any) -> str:
    names = {
        type(None): 'null',
        bool: 'true or false',
        int: 'a number',
        float: 'a number',
        str: 'a text',
        list: 'a list',
    }
    return names.get(type(value), f'of type {type(value).__name__}')
