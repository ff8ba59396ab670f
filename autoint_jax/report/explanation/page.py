"""The page about one run: the head, and its sections in order."""

from autoint_jax.explain.findings import Findings
from autoint_jax.report.blocks import Page, Section, Text
from autoint_jax.report.explanation import attention, belief, interactions, quality, single_rows, words
from autoint_jax.report.names import labels
from autoint_jax.units import counted


def page(findings: Findings) -> Page:
    """Returns the page that shows findings."""
    run, names = findings.run, labels(findings.fields)
    called = dict(zip(findings.fields, names, strict=True))
    sections = [
        quality.section(findings.quality),
        attention.section(findings, names),
        interactions.section(findings, called),
        single_rows.section(findings, names),
        belief.section(findings.belief, called),
        _about(findings),
    ]
    rows = f'{counted(run.rows, "row")} of {run.source}' + (f', {run.where}' if run.where else '')
    facts = [('Run', run.folder), ('Model', run.model), ('Data', f'{run.dataset}, {run.recipe}'), ('Rows', rows)]
    if run.seeds:
        facts.append(('Seeds' if run.others else 'Seed', ', '.join(map(str, run.seeds))))
    lead = ' '.join(findings.belief.sentences[:2])
    return Page(
        f'What {run.model} learned from {run.dataset}', lead, facts, [one for one in sections if one is not None]
    )


def _about(findings: Findings) -> Section:
    """Returns the section that says where numbers and figures are."""
    run = findings.run
    texts = [
        'The pictures of this page are files in the folder figures beside it, as PNG and SVG; its numbers are in the '
        'folder numbers, as Parquet, and in findings.json. This file asks for nothing from elsewhere.'
    ]
    if run.others:
        texts.append(f'Other runs that were compared: {words.listed(run.others)}.')
    return Section('about', 'Files and numbers', [Text(text) for text in texts])
