"""Everything that is known about a run and some rows, computed in bounded memory."""

from collections.abc import Callable, Iterable

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.explain import attention, where
from autoint_jax.explain.counterfactuals import taken
from autoint_jax.explain.findings import AttentionFindings, AttentionGroup, Findings, RunFacts
from autoint_jax.explain.strengths import score_of
from autoint_jax.explain.survey.attention_groups import ALL, agreement, attention_groups, layer_names
from autoint_jax.explain.survey.belief import belief_of
from autoint_jax.explain.survey.comparison import Compared, check_same, compared
from autoint_jax.explain.survey.field_groups import interactions_of, pair_kinds
from autoint_jax.explain.survey.quality import group_slot, quality_of, segment_fields
from autoint_jax.explain.survey.request import Choice, Source, Surveyed, drawn
from autoint_jax.explain.survey.single_rows import single_rows
from autoint_jax.explain.texts import ValueTexts
from autoint_jax.models.registry import shows_attention
from autoint_jax.units import counted

FORM = 'einsum'  # the form of the interacting layers that gives attention
AT_ONCE = 1 << 18  # rows that are scored at a time


def findings_of(
    surveyed: Surveyed,
    source: Source,
    choice: Choice,
    others: Iterable[Surveyed] = (),
    say: Callable[[str], None] = lambda sentence: None,
) -> Findings:
    """Surveys a run.

    Args:
      surveyed: the run.
      source: the rows.
      choice: what is asked.
      others: runs of the same model on the same data, with other seeds, to compare with. They are taken one by one, so
        that one at a time needs memory.
      say: is told what is being computed.

    Raises:
      UsageError: fewer than two rows meet the conditions, there is no such field, value or row, or another run is of
        another model or other data.
    """
    run, columns = surveyed.run, source.columns
    schema, texts = run.setup.schema, ValueTexts(run.setup.schema, run.data.vocabularies())
    conditions = where.conditions(choice.where, schema, run.data.vocabularies())
    said, numbers = where.sentence(conditions), where.matching(columns, schema, conditions)
    if len(numbers) < 2:
        raise UsageError(
            f'{source.name} has {"one row" if len(numbers) else "no rows"}{f" where {said}" if said else ""}, and a '
            'report needs two at least: choose other rows'
        )
    for row in choice.rows:
        if not 0 <= row < len(columns):
            raise UsageError(f'row {row} is not in {source.name}: it has rows 0 to {len(columns) - 1}')
    segment_fields(schema, choice.segment_by)  # mistakes are told before anything is computed
    group_slot(schema, choice.group_by)
    has_attention = shows_attention(run.setup.config.model)
    # In no order, so that the first of them are a sample of all.
    shuffled = np.random.default_rng((2020, choice.seed)).permutation(drawn(numbers, choice.most_rows, choice.seed))
    rows, kinds = taken(columns, shuffled), pair_kinds(has_attention)

    say(f'scoring {counted(len(numbers), "row")}')
    logits = _logits(surveyed, columns, numbers)
    groups: list[AttentionGroup] = []
    if has_attention:
        say('averaging attention')
        groups = _attention(surveyed, source, numbers, logits, said, choice)
    say(f'measuring interactions in at most {counted(len(rows), "row")}')
    interactions, pairs = interactions_of(surveyed, texts, rows, kinds, choice)
    strengths = {kind: own.strength for kind, own in interactions.pairs.items()}
    runs = [Compared(surveyed.folder.name, run.setup.config.seed, groups[0].maps if groups else None, strengths)]
    folders = [surveyed.folder]
    for other in others:
        say(f'comparing with {other.folder}')
        check_same(surveyed, other.folder, other.run.setup.config.model, other.run.data.hash)
        runs.append(compared(other, rows, pairs, choice, has_attention=has_attention))
        folders.append(other.folder)
    say('measuring how good the predictions are')
    quality = quality_of(schema, texts, source, numbers, logits, choice, folders)
    say('explaining single rows')
    singles = single_rows(
        surveyed, texts, source, _shown(choice, numbers), shuffled, pairs, choice, has_attention=has_attention
    )
    say('checking what can be believed')
    findings = _attention_findings(groups, runs) if groups else None
    return Findings(
        RunFacts(
            surveyed.folder.name,
            run.setup.config.model.name,
            run.setup.config.data.dataset,
            run.setup.config.data.recipe,
            source.name,
            f'rows where {said}' if said else '',
            len(numbers),
            FORM if has_attention else '',
            [one.seed for one in runs],
            [one.name for one in runs[1:]],
        ),
        schema.names,
        quality,
        findings,
        interactions,
        singles,
        belief_of(surveyed, columns, numbers, rows, interactions, findings, kinds, runs, choice),
    )


def _logits(surveyed: Surveyed, columns: Columns, numbers: np.ndarray) -> np.ndarray:
    """Returns the logits of some rows, float32 [n], reading and scoring a block of them at a time."""
    score = score_of(surveyed.run, surveyed.scorer)
    parts = range(0, len(numbers), AT_ONCE)
    return np.concatenate([score(taken(columns, numbers[first : first + AT_ONCE])) for first in parts])


def _attention(
    surveyed: Surveyed, source: Source, numbers: np.ndarray, logits: np.ndarray, said: str, choice: Choice
) -> list[AttentionGroup]:
    """Returns the groups of the chosen rows, and of all rows of the source if they were chosen by conditions."""
    run, most = surveyed.run, choice.attention_rows
    chosen = drawn(np.arange(len(numbers)), most, choice.seed)
    groups = attention_groups(run, taken(source.columns, numbers[chosen]), logits[chosen])
    if not said:
        return groups
    whole = taken(source.columns, drawn(np.arange(len(source.columns)), most, choice.seed))
    maps = attention.averaged(run.setup, run.state, whole).astype(np.float32)
    return [
        groups[0]._replace(name=f'rows where {said}'),
        AttentionGroup(f'{ALL} of {source.name}', len(whole), maps),
        *(own._replace(name=f'{own.name}, where {said}') for own in groups[1:]),
    ]


def _shown(choice: Choice, numbers: np.ndarray) -> np.ndarray:
    """Returns the numbers of the single rows that are shown: those that are asked for, then drawn ones, ascending."""
    asked = list(dict.fromkeys(choice.rows))
    more = drawn(np.setdiff1d(numbers, asked), max(choice.shown_rows - len(asked), 0 if asked else 1), choice.seed)
    return np.concatenate([np.array(asked, np.int64), more])


def _attention_findings(groups: list[AttentionGroup], runs: list[Compared]) -> AttentionFindings:
    """Returns what attention shows, and how much runs agree on it if there are several."""
    maps = groups[0].maps
    shown = [(one.name, one.maps) for one in runs if one.maps is not None]
    return AttentionFindings(
        layer_names(len(maps)),
        float(maps.sum(-1).mean() / maps.shape[-1]),
        groups,
        agreement(*zip(*shown, strict=True)) if len(shown) > 1 else None,
    )
