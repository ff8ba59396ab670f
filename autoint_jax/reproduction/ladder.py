"""The ladder from AutoInt to Hiformer, rung by rung: its settings, the table of what each rung adds, and its page."""

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from autoint_jax.config.configuration import Config, replace
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.metrics import ALWAYS
from autoint_jax.evaluation.paired import LEVEL, holm, paired_tests
from autoint_jax.records import comparison
from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.records.runs import RunRecord
from autoint_jax.reproduction.paper import markdown

_OWN = {'model.name': 'field_attention', 'model.field_projections': True}
_OUTPUT = _OWN | {'model.field_output': True}
_FED = _OUTPUT | {'model.field_feedforward': True}
# {rung: what it adds, and the options of the whole model}, from the lowest to the highest. `model.joint_rank` and
# `model.joint_value_rank` of the last two depend on the data set.
RUNGS: dict[str, tuple[str, dict[str, Any]]] = {
    'autoint': ('AutoInt', {'model.name': 'field_attention'}),
    'projections': ('projections of each field', _OWN),
    'output': ('output projection of each field, LayerNorm', _OUTPUT),
    'feedforward': ('feed-forward network of each field', _FED),
    'joint': ('queries, keys and values from all fields', _FED | {'model.joint_projections': True}),
    'hiformer': ('task token, scaled scores: Hiformer', {'model.name': 'hiformer'}),
}
RANKED = ('joint', 'hiformer')  # the rungs with ranks
CRITERION = (
    'A rung pays if its AUC is above that of the rung below, and costs if it is below, by more than chance: paired '
    "t-tests over seeds, p below 0.05 after Holm's correction"
)
PAYS, COSTS, UNDECIDED = 'pays', 'costs', 'undecided'
SHAPES = {
    'movielens_1m': 'MovieLens-1M',
    'planted_sparse': 'planted data, one pair and one triple',
    'planted_dense': 'planted data, three pairs and two triples',
}


def config_of(rung: str, base: Config, ranks: dict[str, int]) -> Config:
    """Returns the configuration of a rung.

    Args:
      rung: a name in RUNGS.
      base: the options that all rungs share.
      ranks: {option: rank} of the rungs that have ranks.
    """
    return replace(base, RUNGS[rung][1] | (ranks if rung in RANKED else {}))


def best_trial(rung: str, trials: Sequence[RunRecord | UsageError]) -> int:
    """Returns the place of the trial with the lowest validation logloss.

    Raises UsageError if all trials failed.
    """
    losses = [math.inf if isinstance(trial, UsageError) else trial.valid['logloss'] for trial in trials]
    if min(losses) == math.inf:
        raise UsageError(f'all {len(trials)} trials of rung {rung!r} failed, the last one so: {trials[-1]}')
    return losses.index(min(losses))


def table(found: Mapping[str, Sequence[RunRecord]], chosen: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns a row for each complete rung: figures over seeds, and differences to the rung below and to the lowest.

    Args:
      found: {rung: its records, of the same seeds in the same order}, from the lowest rung.
      chosen: {rung: {option: value that its trials chose}}.
    """
    rows, names = [], list(found)
    for rung, records in found.items():
        row: dict[str, Any] = {'rung': rung, 'adds': RUNGS[rung][0]}
        for figure, ours in comparison.test_figures(records).items():
            if figure in ALWAYS:
                row |= {figure: ours.mean, f'{figure}_deviation': ours.deviation}
        for words, other in (('', names[max(0, names.index(rung) - 1)]), ('_over_autoint', names[0])):
            gain = paired_tests(*([one.test['auc'] for one in of] for of in (records, found[other])))
            known = rung != names[0]
            row |= {f'gain{words}': gain.difference.value if known else None}
            row |= {
                f'gain{words}_{end}': _known(getattr(gain.difference, end) if known else math.nan)
                for end in ('low', 'high')
            }
            if not words:
                row |= {'p': gain.t if known else math.nan}
        row |= {'parameters': records[0].parameters, 'embedding_parameters': records[0].embedding_parameters}
        row |= {'seeds': len(records), 'runs': [record.run for record in records], **chosen[rung]}
        rows.append(row)
    # Rungs that are still to come count as tests, too, so that no finding is taken back when they are complete.
    adjusted = holm([row['p'] for row in rows] + [1.0] * (len(RUNGS) - len(rows)))
    return [
        row | {'p': _known(row['p']), 'p_holm': _known(p), 'finding': _finding(row['gain'], p)}
        for row, p in zip(rows, adjusted, strict=False)
    ]


def _finding(gain: float | None, p: float) -> str:
    """Returns what a rung does. p is its corrected one, NaN for one seed."""
    if gain is None:
        return ''
    if not p < 1 - LEVEL:
        return UNDECIDED
    return PAYS if gain > 0 else COSTS


def _known(p: float) -> float | None:
    return None if math.isnan(p) else p


COLUMNS = ['rung', 'AUC', 'to the rung below', '95 % interval', 'p', '', 'logloss', 'parameters']


def cells(row: Mapping[str, Any]) -> list[str]:
    """Returns the cells of a row, in the order of COLUMNS."""
    gain, deviation, p = row['gain'], row['auc_deviation'], row['p_holm']
    return [
        row['adds'] if gain is None else f'+ {row["adds"]}',
        f'{row["auc"]:.4f}' + ('' if deviation is None else f' ± {deviation:.4f}'),
        '' if gain is None else f'{gain:+.4f}',
        '' if row['gain_low'] is None else f'{row["gain_low"]:+.4f} to {row["gain_high"]:+.4f}',
        '' if p is None else f'{p:.2g}',
        row['finding'],
        f'{row["logloss"]:.4f}',
        f'{row["parameters"]:,}',
    ]


def missing_sentence(rungs: Sequence[str]) -> str:
    """Returns a sentence that says which rungs are not complete, by what they add; '' if all are."""
    return f'Not complete: {"; ".join(RUNGS[rung][0] for rung in rungs)}.' if rungs else ''


def ladder_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown of the records of experiments/ladder.py; [] if there are none.

    Raises UsageError if a record cannot be read or has another form than expected.
    """
    return lines_of(results_dir, 'ladder_*.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    last, missing = record['rows'][-1], missing_sentence(record['not_complete'])
    lines = [
        '',
        f'**From AutoInt to Hiformer, {SHAPES[record["dataset"]]}, {record["data_rows"]:,} rows, {record["seeds"]} '
        f'seeds, {record["trials"]} trials for each rung.** {record["criterion"]}.{" " if missing else ""}{missing}',
        '',
        *markdown.table(COLUMNS, map(cells, record['rows'])),
    ]
    if last['gain_over_autoint_low'] is not None:
        lines += [
            '',
            f'The AUC of the last row differs from that of AutoInt by {last["gain_over_autoint"]:+.4f} '
            f'({last["gain_over_autoint_low"]:+.4f} to {last["gain_over_autoint_high"]:+.4f}).',
        ]
    return lines
