"""The pairs of fields that interact most in a run, as crossed fields that other models can be given.

GLIDER (Tsang et al., ICLR 2020) detects interactions in a trained network and feeds them to simpler models as crossed
features. Here they are detected by intervention, on validation rows, so that test rows choose nothing.
"""

import pathlib
from typing import NamedTuple

from autoint_jax import stored
from autoint_jax.data.datasets.declaration.crosses import crosses_text
from autoint_jax.data.datasets.row_plan import row_plan
from autoint_jax.data.encoding.crosses import BUCKETS, MOST_CROSSED_SLOTS
from autoint_jax.data.encoding.plan import CrossPlan
from autoint_jax.errors import UsageError
from autoint_jax.explain.strengths import INTERVENTION, SAMPLES, Asked, effects
from autoint_jax.schema import FieldSpec
from autoint_jax.scoring.predictor import scorer_of
from autoint_jax.training.trained import TrainedRun

SPLIT, ROWS = 'valid', 4000
# A pair is counted, with this least count, unless so many of its values are possible that it is hashed.
MIN_COUNT, MOST_COUNTED, HASH_BUCKETS = 5, 1_000_000, 1 << 18


class StrongPair(NamedTuple):
    """A strong pair of fields, as a cross.

    Attributes:
      cross: the plan of the crossed field.
      strength: of the interaction, in squared logits.
      low, high: a 95 % interval of the strength.
    """

    cross: CrossPlan
    strength: float
    low: float
    high: float


def strong_pairs(run: TrainedRun, count: int, *, rows: int = ROWS, seed: int = 0) -> list[StrongPair]:
    """Returns the strongest pairs of a run by intervention, the strongest first. Crossed fields are in no pair.

    Args:
      run: the run, with its prepared data.
      count: number of pairs.
      rows: number of validation rows that are drawn.
      seed: of the draws.

    Raises:
      UsageError: the run does not have so many pairs, or its data has no validation rows.
    """
    crossed = {cross.name for cross in row_plan(run.data).table.crosses}
    fields = {field.name: field for field in run.setup.schema.fields if field.name not in crossed}
    if len(fields) < 2:
        raise UsageError(f'{run.data.folder} has fewer than two fields, so there is no pair to cross')
    asked = Asked(2, INTERVENTION, tuple(fields), 1, rows, SAMPLES, seed)
    asked.check(run.setup)
    found = effects(run, scorer_of(run), run.data.split(SPLIT), None, asked).ranked()
    pairs = [
        StrongPair(_cross(fields[first], fields[second]), strength, low, high)
        for (first, second), strength, low, high in found.select('fields', 'strength', 'low', 'high').iter_rows()
        if fields[first].max_values * fields[second].max_values <= MOST_CROSSED_SLOTS
    ]
    if not 1 <= count <= len(pairs):
        raise UsageError(f'{count} crosses are wanted: name a number from 1 to {len(pairs)}, the pairs of the run')
    return pairs[:count]


def export_crosses(run_dir: pathlib.Path, run: TrainedRun, count: int, path: pathlib.Path | None) -> pathlib.Path:
    """Writes the strongest pairs of a run as a file of crosses, and returns its path.

    Args:
      run_dir: folder of the run.
      run: the run, with its prepared data.
      count: number of pairs.
      path: of the file, which must not exist; None for RUN_DIR/crosses_COUNT.yaml, which is replaced.

    Raises:
      UsageError: the file exists, or as in `strong_pairs`.
    """
    if path is not None and path.exists():
        raise UsageError(f'{path} exists already: move it away, or name another file by --crosses')
    pairs = strong_pairs(run, count)
    comments = (
        f'The {count} strongest pairs of fields by intervention, on {SPLIT} rows of the data of {run_dir.name}.',
        f'A pair with more than {MOST_COUNTED:,} possible values is hashed.',
        'prepare_data.py --crosses reads this file; in a table of your own, copy it into the declaration.',
    )
    remarks = [f'strength {pair.strength:.4g} ({pair.low:.4g} to {pair.high:.4g})' for pair in pairs]
    path = path or run_dir / f'crosses_{count}.yaml'
    path.parent.mkdir(parents=True, exist_ok=True)
    stored.write_text(path, crosses_text([pair.cross for pair in pairs], comments, remarks))
    return path


def _cross(first: FieldSpec, second: FieldSpec) -> CrossPlan:
    """Returns the plan of a cross: counted, or hashed if it has very many possible values."""
    names = (first.name, second.name)
    possible = (first.cardinality or BUCKETS + 1) * (second.cardinality or BUCKETS + 1)
    if possible > MOST_COUNTED:
        return CrossPlan(' x '.join(names), names, buckets=HASH_BUCKETS)
    return CrossPlan(' x '.join(names), names, MIN_COUNT)
