"""Scores raw rows by a bundle, with ONNX Runtime and NumPy alone: no JAX, and no code that encodes features.

scorer = Scorer('bundle')
scores = scorer.score([{'user': '7', 'item': '31', 'price': 2.5}])
scores.probabilities
"""

import concurrent.futures
import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from autoint_jax.bundle.manifest import FORMATS, verified
from autoint_jax.cores import usable_cores
from autoint_jax.errors import UsageError
from autoint_jax.serving.raw_columns import CONTEXT, columns_of
from autoint_jax.terminal import shown

RAW, REQUEST = 'onnx_raw', 'onnx_request'  # names of formats
# At most so many rows are scored by one call: what it computes stays in the cache of a core, and threads share a call.
ROWS_AT_ONCE = 256


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


class Program(NamedTuple):
    """A graph of a bundle that is ready to run.

    Attributes:
      session: the session that runs it.
      types: the type of each of its inputs, by name.
    """

    session: onnxruntime.InferenceSession
    types: dict[str, str]


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
          threads: threads that share the rows of one call; 0 for as many as there are cores.

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
        self._raw = _program(folder / FORMATS[RAW])
        self._request: Program | None = None
        self.context: tuple[str, ...] = ()
        if REQUEST in self.manifest.formats and self.manifest.context:
            self.context = self.manifest.context
            self._request = _program(folder / FORMATS[REQUEST])
        threads = threads or usable_cores()
        self._threads = concurrent.futures.ThreadPoolExecutor(threads, 'parts') if threads > 1 else None

    def score(self, rows: Sequence[Mapping[str, Any]]) -> Scores:
        """Returns the scores of raw rows.

        Args:
          rows: {column: value}. None is a missing value. Columns that the model does not know are not read.

        Raises:
          UsageError: a row lacks a column, or a value has another type than its column.
        """
        _check_rows(rows, 'row')
        columns = columns_of(rows, list(self._columns.values()))
        return self._scores(self._raw, {}, columns, len(rows), sorted(set().union(*rows) - set(self._columns)))

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
        of_candidates = set[Any]().union(*candidates)
        twice = set(context) & of_candidates & set(self._columns)
        if twice:
            raise UsageError(
                f'column {shown(min(twice))!r} is in the context and in a candidate: give it in one of them'
            )
        shared = [column for name, column in self._columns.items() if name in context]
        own = [column for name, column in self._columns.items() if name not in context]
        first, others = columns_of([context], shared, CONTEXT), columns_of(candidates, own, 'candidate')
        ignored = sorted((set(context) | of_candidates) - set(self._columns))
        if self._request is not None and set(first) == set(self.context):
            return self._scores(self._request, first, others, len(candidates), ignored)
        repeated = {name: np.repeat(values, len(candidates)) for name, values in first.items()}
        return self._scores(self._raw, {}, repeated | others, len(candidates), ignored)

    def _scores(
        self,
        program: Program,
        shared: Mapping[str, np.ndarray],
        columns: Mapping[str, np.ndarray],
        count: int,
        ignored: list[str],
    ) -> Scores:
        """Computes scores, some rows at a time."""
        always, own = _fed(program, shared), _fed(program, columns)

        def scored(rows: slice) -> list[np.ndarray]:
            part = {name: values[rows] for name, values in own.items()}
            found: list[np.ndarray] = program.session.run(['logits', 'probability'], always | part)
            return found

        bounds = np.linspace(0, count, -(-count // ROWS_AT_ONCE) + 1).astype(int).tolist()
        rows = [slice(start, end) for start, end in itertools.pairwise(bounds)]
        threads = self._threads if len(rows) > 1 else None
        parts = list(map(scored, rows) if threads is None else threads.map(scored, rows))
        logits, probabilities = (
            np.concatenate([part[output] for part in parts]) if parts else np.zeros(0, np.float32) for output in (0, 1)
        )
        return Scores(logits, probabilities, ignored)


def session_of(path: pathlib.Path) -> onnxruntime.InferenceSession:
    """Returns a session for a graph on the CPU, each run of which takes one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])


def _program(path: pathlib.Path) -> Program:
    session = session_of(path)
    return Program(session, {one.name: one.type for one in session.get_inputs()})


def _fed(program: Program, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the arrays that a graph takes, each in the type of its input: texts, float or double."""
    return {
        name: values.astype(np.float32) if program.types[name] == 'tensor(float)' else values
        for name, values in arrays.items()
        if name in program.types
    }


def _check_rows(rows: Any, where: str) -> None:
    """Raises UsageError if rows are no list of dictionaries."""
    if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
        raise UsageError(f'the {where}s are {_called(rows)}, not a list of objects')
    if set(map(type, rows)) <= {dict}:
        return
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
