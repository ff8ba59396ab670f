"""How good the predictions of a run are: figures, curves, learning, and parts of the rows."""

import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError, nearest
from autoint_jax.evaluation import curves, intervals, segments
from autoint_jax.evaluation.metric import GROUPS
from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.evaluation.quality import Quality, Segment
from autoint_jax.explain.survey.request import Choice, Source
from autoint_jax.explain.texts import ValueTexts
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, FieldSpec, Schema

# If no fields are named: the most values of a field whose values are segments, and the most such fields.
FEW_VALUES, FEW_FIELDS = 50, 6
MOST_VALUES, OTHERS = 20, 'all other values'  # the values of a field that are segments of their own; the rest
# The training rows of which ids are counted, at most, and the rows that are read at a time.
COUNTED_ROWS, BLOCK = 10_000_000, 1 << 18


def quality_of(
    schema: Schema,
    texts: ValueTexts,
    source: Source,
    numbers: np.ndarray,
    logits: np.ndarray,
    choice: Choice,
    folders: Iterable[pathlib.Path],
) -> Quality | None:
    """Returns the quality of predictions.

    Args:
      schema: the fields.
      texts: writes values.
      source: the rows, which are read block by block.
      numbers: which of its rows, int [n].
      logits: their logits, float32 [n].
      choice: fields whose values are segments, and the field that groups rows.
      folders: run folders whose learning is shown, that of the run first.

    Returns:
      None if no row has a label. Rows without one do not count.

    Raises:
      UsageError: as `segment_fields` and `group_slot` do.
    """
    fields, group = segment_fields(schema, choice.segment_by), group_slot(schema, choice.group_by)
    labels = np.asarray(source.columns.labels)[numbers]
    known = ~np.isnan(labels)
    if not known.any():
        return None
    numbers, labels, scores = numbers[known], labels[known], logits[known]

    def ids(slots: slice) -> np.ndarray:
        return np.concatenate([block[:, slots] for block in _blocks(source.columns, numbers)])

    found: list[Segment] = []
    for field in fields:
        found.extend(_by_value(field, texts, ids(schema.slots[field.name]), scores, labels))
    found.extend(segments.by_decile(scores, labels))
    if source.training is not None and schema.id_fields:
        counts = _counts(schema, source.training)
        times = np.concatenate([_rarest(schema, counts, block) for block in _blocks(source.columns, numbers)])
        found.extend(segments.by_rarity(times, scores, labels))
    names = [name for name, metric in METRICS.items() if metric.needs != GROUPS and not metric.weighted]
    return Quality(
        intervals.with_intervals(names, scores, labels, choice.seed),
        curves.roc(scores, labels),
        curves.precision_recall(scores, labels),
        curves.calibration_bins(scores, labels),
        {folder.name: list(_evaluations(folder)) for folder in folders},
        found,
        None
        if group is None
        else segments.group_auc(choice.group_by, ids(slice(group, group + 1))[:, 0], scores, labels),
    )


def _evaluations(folder: pathlib.Path) -> Iterator[dict[str, float]]:
    """Yields the lines of metrics.jsonl in a run folder; none if the file does not exist."""
    path = folder / 'metrics.jsonl'
    if path.exists():
        yield from map(json.loads, path.read_text().splitlines())


def segment_fields(schema: Schema, named: Sequence[str]) -> list[FieldSpec]:
    """Returns the fields whose values are segments. Raises UsageError if a name is not one of an id field."""
    known = [field.name for field in schema.id_fields]
    for name in named:
        if name not in known:
            raise UsageError(
                f'{name!r} is not a field with ids, whose values could be segments'
                f'{nearest(name, known)}: choose some of {", ".join(known) or "none: there are none"}'
            )
    if named:
        return [field for field in schema.id_fields if field.name in named]
    return [field for field in schema.id_fields if field.cardinality <= FEW_VALUES][:FEW_FIELDS]


def group_slot(schema: Schema, name: str) -> int | None:
    """Returns the id slot of the field that groups rows; None for ''. Raises UsageError if it is not categorical."""
    if not name:
        return None
    known = [field.name for field in schema.id_fields if field.kind == CATEGORICAL]
    if name not in known:
        raise UsageError(
            f'{name!r} is not a categorical field, which could group rows'
            f'{nearest(name, known)}: choose one of {", ".join(known) or "none: there are none"}'
        )
    return schema.slots[name].start


def _by_value(
    field: FieldSpec, texts: ValueTexts, ids: np.ndarray, logits: np.ndarray, labels: np.ndarray
) -> list[Segment]:
    """Returns the segments of a field, ids [n, slots]: its most frequent values by id, and all others together.

    A row with several values is in the segment of each.
    """
    rows, keys = values_of(field, ids)
    counts = np.bincount(keys, minlength=field.cardinality)
    shown = np.sort(np.argsort(-counts, kind='stable')[:MOST_VALUES])
    place = np.full(field.cardinality, len(shown))
    place[shown] = np.arange(len(shown))
    names = [texts.id(field, int(number)) for number in shown] + [OTHERS]
    return segments.segments(field.name, place[keys], names, logits[rows], labels[rows])


def values_of(field: FieldSpec, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the values of rows, ids [n, slots], as numbers of rows and ids, int [k] each.

    Padding of a multivalued field is no value, unless a row has no other; then the row has the value 0.
    """
    if field.kind != MULTIVALUED:
        return np.arange(len(ids)), ids[:, 0]
    there = ids != 0
    there[:, 0] |= ~there.any(1)
    rows, places = np.nonzero(there)
    return rows, ids[rows, places]


def _blocks(columns: Columns, numbers: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the ids of some rows, block by block, int32 [at most BLOCK, slots]."""
    for first in range(0, len(numbers), BLOCK):
        yield np.asarray(columns.ids[numbers[first : first + BLOCK]])


def _counts(schema: Schema, training: Columns) -> dict[str, np.ndarray]:
    """Returns {field: how many times each id occurs in the training split, int64 [cardinality]}.

    Of a split of more than COUNTED_ROWS rows, blocks at equal distances are counted.
    """
    counts = {field.name: np.zeros(field.cardinality, np.int64) for field in schema.id_fields}
    step = max(1, -(-len(training) // COUNTED_ROWS))
    for first in range(0, len(training), BLOCK * step):
        block = np.asarray(training.ids[first : first + BLOCK])
        for field in schema.id_fields:
            counts[field.name] += step * np.bincount(
                block[:, schema.slots[field.name]].ravel(), minlength=field.cardinality
            )
    return counts


def _rarest(schema: Schema, counts: Mapping[str, np.ndarray], ids: np.ndarray) -> np.ndarray:
    """Returns how many times the rarest id of each row, ids [n, slots], occurs in the training split, int64 [n].

    The id of unknown values is taken to occur never, and padding does not count.
    """
    found = np.full(len(ids), np.iinfo(np.int64).max)
    for field in schema.id_fields:
        own = ids[:, schema.slots[field.name]]
        times = np.where(own == 0, 0 if field.kind == CATEGORICAL else found[:, None], counts[field.name][own])
        np.minimum(found, times.min(1), out=found)
    return found
