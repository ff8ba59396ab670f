"""Figure 7 by every kind of evidence: are the groups of fields that the paper names as strong as attention says?"""

import pathlib
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np

from autoint_jax.data.store.columns import Columns
from autoint_jax.explain.interventions import groups_of
from autoint_jax.explain.pairs import rank_matrix, ranks
from autoint_jax.explain.strengths import INTERVENTION, SHAPLEY
from autoint_jax.explain.survey.field_groups import Measured, measured, pair_kinds
from autoint_jax.explain.survey.request import Choice, Surveyed
from autoint_jax.explain.survey.value_groups import value_groups
from autoint_jax.explain.texts import ValueTexts
from autoint_jax.records.record_lines import Record, lines_of
from autoint_jax.reproduction.paper.attention import verdict
from autoint_jax.reproduction.paper.markdown import table

NAME = 'figure7_evidence'
KINDS = tuple(pair_kinds(attention=True))
CRITERION = (
    'A group passes by a kind of evidence if in every seed, two at least, it is among the strongest third of all '
    'groups of as many fields; a triple has the mean of its three pairs where a kind of evidence is about pairs'
)


class Strengths(NamedTuple):
    """The strengths of all pairs and triples in one run.

    Attributes:
      groups: names of the fields of each group; the pairs, then the triples.
      of: {kind: strengths, float64 [groups]}.
      values: the interactions of the values that the paper names, as records.
    """

    groups: list[tuple[str, ...]]
    of: dict[str, np.ndarray]
    values: list[dict[str, Any]]


def strengths(
    surveyed: Surveyed,
    rows: Columns,
    claimed: Sequence[tuple[str, ...]],
    claimed_values: Mapping[str, Set[str]],
    seed: int = 0,
) -> Strengths:
    """Returns the strengths of all pairs and triples of fields.

    Args:
      surveyed: a run with attention.
      rows: the rows, in memory and in random order.
      claimed: the groups that the paper names.
      claimed_values: {field: values} that the paper names.
      seed: of all draws.
    """
    schema, choice = surveyed.run.setup.schema, Choice(seed=seed)
    pairs, triples = (groups_of(range(len(schema.fields)), order) for order in (2, 3))
    places = {pair: place for place, pair in enumerate(pairs)}
    within = np.array([[places[a, b], places[a, c], places[b, c]] for a, b, c in triples])
    found, by_group = {}, {}
    for kind in KINDS:
        own = measured(surveyed, rows, kind, pairs, choice)
        of_pairs = own.effects.strength
        of_triples = of_pairs[within].mean(1)
        if kind in (INTERVENTION, SHAPLEY):
            third = measured(surveyed, rows, kind, triples, choice)
            of_triples = third.effects.strength
            if kind == INTERVENTION:
                by_group = {2: own, 3: third}
        found[kind] = np.concatenate([of_pairs, of_triples])
    texts = ValueTexts(schema, surveyed.run.data.vocabularies())
    names = [tuple(schema.names[field] for field in group) for group in (*pairs, *triples)]
    values = [
        one
        for group in claimed
        if set(group) <= set(claimed_values)
        for one in _values(by_group[len(group)], surveyed, texts, group, claimed_values)
    ]
    return Strengths(names, found, values)


def _values(
    found: Measured, surveyed: Surveyed, texts: ValueTexts, group: tuple[str, ...], wanted: Mapping[str, Set[str]]
) -> list[dict[str, Any]]:
    """Returns records of the wanted values of a group of fields, with the mean strength over all values beside them."""
    schema = surveyed.run.setup.schema
    number = next(
        place for place, own in enumerate(found.groups) if {schema.names[field] for field in own} == set(group)
    )
    of_row = found.strengths[:, number], found.signed[:, number]
    return [
        {**one._asdict(), 'fields': list(one.fields), 'values': list(one.values), 'of_all': float(of_row[0].mean())}
        for one in value_groups(schema, texts, found.rows, found.groups[number], *of_row)
        if all(value in wanted[name] for name, value in zip(one.fields, one.values, strict=True))
    ]


def judged(runs: Sequence[Strengths], claimed: Sequence[tuple[str, ...]]) -> list[dict[str, Any]]:
    """Returns a row for each claimed group and kind of evidence: its ranks, and whether it is strong in every run."""
    rows, groups = [], runs[0].groups
    for group in claimed:
        place = next(number for number, own in enumerate(groups) if set(own) == set(group))
        alike = np.array([len(own) == len(group) for own in groups])
        for kind in KINDS:
            of_runs = [int(ranks(run.of[kind][alike])[alike[:place].sum()]) for run in runs]
            strong = all(3 * rank <= alike.sum() for rank in of_runs)
            rows.append(
                {
                    'fields': list(groups[place]),
                    'kind': kind,
                    'strength': float(np.mean([run.of[kind][place] for run in runs])),
                    'groups': int(alike.sum()),
                    'ranks_of_seeds': [str(rank) for rank in of_runs],
                    'verdict': verdict(strong, len(runs)),
                }
            )
    return rows


def correlations(runs: Sequence[Strengths]) -> dict[str, dict[str, float]]:
    """Returns mean rank correlations of the strengths of pairs: {'seeds': {kind: over every two runs}, 'interventions':
    {kind: with interventions, over the runs}}. That over runs is NaN if there is one.
    """
    pairs = sum(len(group) == 2 for group in runs[0].groups)
    upper = np.triu_indices(len(runs), 1)
    with np.errstate(invalid='ignore'):
        seeds = {
            kind: float(np.mean(matrix[upper])) if len(upper[0]) else float('nan')
            for kind in KINDS
            for matrix in [rank_matrix(np.array([run.of[kind][:pairs] for run in runs]))]
        }
    against = {
        kind: float(
            np.mean(
                [rank_matrix(np.array([run.of[one][:pairs] for one in (kind, INTERVENTION)]))[0, 1] for run in runs]
            )
        )
        for kind in KINDS
    }
    return {'seeds': seeds, 'interventions': against}


def evidence_lines(results_dir: pathlib.Path) -> list[str]:
    """Returns Markdown of the evidence for Figure 7 from its records; [] if there is none."""
    return lines_of(results_dir, f'{NAME}_*.json', _lines)


def _lines(record: Record, path: pathlib.Path) -> list[str]:
    groups = list(dict.fromkeys(tuple(row['fields']) for row in record['rows']))
    cells = {(tuple(row['fields']), row['kind']): row for row in record['rows']}
    lines = [
        '',
        f'**Figure 7 by every kind of evidence, `{record["dataset"]}`, {record["rows_explained"]:,} {record["split"]} '
        f'rows, {record["seeds"]} seed{"s" if record["seeds"] > 1 else ""}.** {record["criterion"]}. Ranks in each '
        'seed:',
        '',
    ]
    lines += table(
        ['group the paper names', *KINDS],
        [
            [
                f'{", ".join(group)} (of {cells[group, KINDS[0]]["groups"]})',
                *(
                    f'{" ".join(cells[group, kind]["ranks_of_seeds"])} {cells[group, kind]["verdict"]}'
                    for kind in KINDS
                ),
            ]
            for group in groups
        ],
    )
    means = record['correlations']
    lines += ['', 'Mean rank correlations of all pairs:', '']
    lines += table(
        ['', *KINDS],
        [
            [name, *(shown(means[of][kind]) for kind in KINDS)]
            for name, of in (('between seeds', 'seeds'), ('with interventions', 'interventions'))
        ],
    )
    if record['values']:
        lines += ['', 'The values of the row that the paper shows, by interventions, in the run of seed 0:', '']
        lines += table(
            ['values', 'rows', 'squared interaction', 'of all rows', 'effect, logits'],
            [
                [
                    ', '.join(f'{name}={value}' for name, value in zip(one['fields'], one['values'], strict=True)),
                    one['rows'],
                    f'{one["strength"]:.4f} ({one["low"]:.4f} to {one["high"]:.4f})',
                    f'{one["of_all"]:.4f}',
                    f'{one["effect"]:+.3f}',
                ]
                for one in record['values']
                if one['seed'] == 0
            ],
        )
    return lines


def shown(value: float | None) -> str:
    """Returns a correlation as text; '-' if there is none."""
    return '-' if value is None or np.isnan(value) else f'{value:.2f}'
