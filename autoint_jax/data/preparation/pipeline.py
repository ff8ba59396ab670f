"""Turns raw tables of any size into prepared data, in bounded memory and in the order of the rows.

Rows are parsed once and spooled to disk. Each row is assigned to a split. Vocabularies are fitted one column at a time.
Then the rows are encoded, block by block, and appended to their splits.
"""

import pathlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl

from autoint_jax.data.encoding.encoder import Encoder
from autoint_jax.data.encoding.fitting import fit
from autoint_jax.data.encoding.plan import TablePlan
from autoint_jax.data.encoding.rare_counts import RareCounts
from autoint_jax.data.encoding.unknown_values import VALUES_KEY
from autoint_jax.data.preparation import origin
from autoint_jax.data.preparation.assignment import assigned, unseen
from autoint_jax.data.preparation.crosses import with_crosses
from autoint_jax.data.preparation.extension import Extension
from autoint_jax.data.preparation.origin import RawFiles
from autoint_jax.data.preparation.progress import PreparationProgress
from autoint_jax.data.preparation.split_weights import SplitWeights
from autoint_jax.data.preparation.splits import TRAIN
from autoint_jax.data.preparation.staleness import EXTENDS
from autoint_jax.data.raw.bad_rows import BadRows
from autoint_jax.data.raw.labels import LabelPlan, labels_of, row_columns_of
from autoint_jax.data.raw.rows import Raw
from autoint_jax.data.raw.source import THREADS, Source
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.data.store.prepared import COUNTS, PreparedData
from autoint_jax.data.store.scratch import unfinished
from autoint_jax.data.store.split_writer import SplitWriter
from autoint_jax.data.store.spool import Spool
from autoint_jax.data.store.writing import finish, write_plan
from autoint_jax.data.text.tally import told
from autoint_jax.errors import UsageError

MAX_BAD_SHARE = 0.001
ROWS_AT_ONCE = 1 << 13  # rows of one append; so few that they stay in a core's cache

# (labels uint8 [n], raw split column [n] or None) -> number of the split of each row, int8 [n].
Splitter = Callable[[np.ndarray, pl.Series | None], np.ndarray]


def prepare_table(
    folder: pathlib.Path,
    source: Source,
    plan: TablePlan,
    split: Splitter,
    *,
    description: dict[str, Any],
    stored: dict[str, Any],
    split_column: str | None = None,
    split_names: Mapping[str, str] | None = None,
    max_bad_share: float = MAX_BAD_SHARE,
    raw_files: RawFiles | None = None,
    extends: Extension | None = None,
    progress: PreparationProgress,
) -> PreparedData:
    """Prepares a table.

    Args:
      folder: where the data will be; data that is there is replaced.
      source: raw rows.
      plan: how rows are encoded.
      split: assigns rows to splits.
      description: data set, recipe and its parameters, for the manifest.
      stored: form and layout of the files, which `row_encoder.py` needs to read more of them; written beside the plan.
      split_column: the raw column that `split` needs, if any.
      split_names: {split: its name in messages, with its files if it has files of its own}.
      max_bad_share: share of the rows that may be unreadable.
      raw_files: files of the source, for the manifest.
      extends: prepared data whose ids, parameters and slots stay as they are.
      progress: is told of the passes over the data.

    Raises:
      UsageError: raw files cannot be read, too many rows are bad, labels, splits or values are not usable, or the
        plan differs from that of the data which is extended.
    """
    earlier = None if extends is None else extends.earlier(plan)
    with (
        unfinished(folder, progress.say) as scratch,
        ThreadPoolExecutor(THREADS, thread_name_prefix='preparing') as threads,
    ):
        bad = BadRows(scratch, max_bad_share)
        bad.add(source.bad_beside)
        spool = Spool(scratch / 'spool')
        labels = _parse(source, plan, spool, bad, threads, progress)
        if raw_files is not None:
            raw_files.check_unchanged()
        for sentence in (*told(source.tallies), *unseen(source.unseen_missing)):
            progress.say(sentence)
        wanted = pl.concat(list(spool.column(split_column))) if split_column else None
        splitting = threads.submit(
            assigned,
            split,
            labels,
            wanted,
            plan,
            spool,
            split_names or {split: split for split in SPLITS},
            progress.say,
        )
        progress.begin('counting values', len(plan.fields))
        fitted_rows = None if plan.fit_on_all else splitting.result() == TRAIN
        rare = RareCounts(scratch / COUNTS)
        fitted = fit(plan, spool, fitted_rows, threads, lambda: progress.advance(1), rare, earlier)
        progress.end(len(labels))
        if extends is not None:
            progress.say(extends.sentence(fitted))
        if plan.crosses:
            progress.begin('counting crosses', len(plan.crosses))
            fitted = with_crosses(plan, fitted, source.types, spool, splitting.result() == TRAIN, threads)
            progress.end(len(labels))
        encoder = Encoder(plan, fitted, source.types)
        records = _encode(scratch, spool, encoder, plan.label, labels, splitting.result(), threads, progress)
        _remove(scratch / 'spool')
        bad.close()
        write_plan(
            scratch,
            {
                'plan': plan.to_json(),
                'parameters': fitted.parameters,
                'max_values': fitted.max_values,
                **({'cuts': fitted.cuts} if plan.crosses else {}),
                **stored,
            },
        )
        description = {
            **description,
            'sources_sha256': dict(sorted(source.checksums.items())),
            'bad_rows': bad.count,
            'first_bad_rows': [{'file': row.path.name, 'line': row.line, 'reason': row.reason} for row in bad.first],
            **({} if extends is None else {EXTENDS: extends.data.hash}),
        }
        preparation = {
            'files': [tally.to_json() for tally in source.tallies],
            'notes': fitted.notes,
            VALUES_KEY: encoder.counts.record(),
            COUNTS: rare.record(),
            **({} if extends is None else {EXTENDS: extends.record(fitted)}),
        }
        if raw_files is not None:
            preparation[origin.ORIGIN_KEY] = raw_files.record(source.checksums, max_bad_share)
        return finish(
            scratch,
            folder,
            schema=encoder.schema,
            vocabularies=fitted.vocabularies,
            splits=records,
            description=description,
            preparation=preparation,
            say=progress.say,
        )


def _parse(
    source: Source,
    plan: TablePlan,
    spool: Spool,
    bad: BadRows,
    threads: ThreadPoolExecutor,
    progress: PreparationProgress,
) -> np.ndarray:
    """Parses and spools all rows. Returns their labels, uint8 [n]."""
    blocks: list[np.ndarray] = []

    def use(number: int, raw: Raw) -> tuple[np.ndarray, Raw]:
        spool.write(number, raw.frame)
        return labels_of(raw.frame, plan.label).astype(np.uint8), raw._replace(frame=pl.DataFrame())

    total, read, rows = source.size(), 0, 0
    progress.begin('reading', total)
    for (labels, raw), size in source.rows(threads, plan.label, use):
        blocks.append(labels)
        spool.sizes.append(len(labels))
        bad.add(raw.bad)
        read, rows = read + size, rows + len(labels) + len(raw.bad)
        if read:
            # The number of all rows is estimated, so that bad rows at the beginning weigh no more than others.
            bad.check(rows * total / read, estimated=read < total)
        progress.advance(size, rows)
    progress.end(rows)
    bad.check(rows)
    if not spool.rows:
        raise UsageError(f'{", ".join(map(str, source.paths))}: there is no row to prepare')
    return np.concatenate(blocks)


def _encode(
    scratch: pathlib.Path,
    spool: Spool,
    encoder: Encoder,
    label: LabelPlan,
    labels: np.ndarray,
    split_of: np.ndarray,
    threads: ThreadPoolExecutor,
    progress: PreparationProgress,
) -> dict[str, dict[str, Any]]:
    """Encodes and writes all rows. Returns {split: record of its writer}."""
    writers = {name: SplitWriter(scratch / name, encoder.schema) for name in SPLITS}
    weights = SplitWeights(label)
    progress.begin('encoding', spool.rows)
    start = 0
    with (
        writers['train'],
        writers['valid'],
        writers['test'],
        ThreadPoolExecutor(1, thread_name_prefix='writing') as writing,
    ):
        pending: Future[None] | None = None
        for frame in spool.frames():
            rows = slice(start, start + frame.height)
            start = rows.stop
            ids, numeric = encoder(frame, threads, split_of[rows])
            if pending is not None:
                pending.result()
            weights.add(frame, split_of[rows])
            columns = [ids, numeric, labels[rows], *row_columns_of(frame, label)]
            pending = writing.submit(_append, writers, columns, split_of[rows])
            progress.advance(len(ids), start)
        if pending is not None:
            pending.result()
    progress.end(start)
    for sentence in weights.sentences():
        progress.say(sentence)
    return {name: writer.record for name, writer in writers.items()}


def _append(writers: dict[str, SplitWriter], columns: list[np.ndarray], split_of: np.ndarray) -> None:
    """Appends the rows of a block to their splits."""
    for start in range(0, len(split_of), ROWS_AT_ONCE):
        piece = slice(start, start + ROWS_AT_ONCE)
        of_rows = [np.ascontiguousarray(column[piece]) for column in columns]
        for number, name in enumerate(SPLITS):
            rows = np.flatnonzero(split_of[piece] == number)
            writers[name].append(*(column[rows] for column in of_rows))


def _remove(folder: pathlib.Path) -> None:
    """Removes a folder of files."""
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
