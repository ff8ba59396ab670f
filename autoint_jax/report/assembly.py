"""A page as one HTML file: text, styles, scripts, data, and the library that draws the charts."""

import functools
import html
import importlib.resources
import json
import re
from collections.abc import Iterator
from typing import Any

import vl_convert

from autoint_jax.errors import UsageError
from autoint_jax.report import theme
from autoint_jax.report.blocks import Block, Chart, Items, Page, Panel, Section, Table, Text
from autoint_jax.terminal import shown
from autoint_jax.units import shown_bytes

MOST_BYTES = 8_000_000
WITH_MATRICES = {'attention', 'rows'}  # kinds of panels that draw a map of fields by fields
PLACE = re.compile(r'\{\{(\w+)\}\}')


def document(page: Page) -> str:
    """Returns a page as the text of an HTML file that opens from a disk and asks for nothing else.

    Raises:
      UsageError: the page would be larger than MOST_BYTES.
      ValueError: two parts of the page have the same name, or a name is not an identifier.
    """
    names = [section.name for section in page.sections]
    names += [block.name for block in page.blocks if not isinstance(block, Text | Items)]
    for name in names:
        if names.count(name) > 1 or not (name.isascii() and name.isidentifier()):
            raise ValueError(f'{name!r} must be an identifier, and name one part of the page')
    panels = [block for block in page.blocks if isinstance(block, Panel)]
    parts = {
        'title': _text(page.title),
        'lead': _text(page.lead),
        'facts': ''.join(f'<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>' for name, value in page.facts),
        'contents': ''.join(f'<li><a href="#{one.name}">{_text(one.heading)}</a></li>' for one in page.sections),
        'sections': '\n'.join(map(_section, page.sections)),
        'data': _json(
            {
                'themes': theme.THEMES,
                'charts': {chart.name: {'description': chart.described, **chart.spec} for chart in page.charts},
                'panels': {panel.name: {'kind': panel.kind, 'data': panel.data} for panel in panels},
            }
        ),
        'style': _file('page.css'),
        'library': _library(),
        'script': '\n'.join(_file(name) for name in _scripts(panels)),
    }
    written = PLACE.sub(lambda place: parts[place[1]], _file('page.html'))
    size = len(written.encode())
    if size > MOST_BYTES:
        raise UsageError(
            f'the report would take {shown_bytes(size)}, more than the {shown_bytes(MOST_BYTES)} that a browser opens '
            'with ease: leave parts of it out'
        )
    return written


def _scripts(panels: list[Panel]) -> Iterator[str]:
    """Yields the names of the scripts that a page needs."""
    yield 'page.js'
    kinds = sorted({panel.kind for panel in panels})
    if not WITH_MATRICES.isdisjoint(kinds):
        yield 'matrix.js'
    for kind in kinds:
        yield f'panels/{kind}.js'
    yield 'start.js'


def _section(section: Section) -> str:
    inner = '\n'.join(map(_block, section.blocks))
    return f'<section id="{section.name}" aria-labelledby="{section.name}-heading">\n' + (
        f'<h2 id="{section.name}-heading">{_text(section.heading)}</h2>\n{inner}\n</section>'
    )


def _block(block: Block) -> str:
    match block:
        case Text():
            return f'<p class="{block.kind}">{_text(block.text)}</p>'
        case Items():
            listed = ''.join(f'<li>{_text(text)}</li>' for text in block.texts)
            return f'<ul class="{block.kind}">{listed}</ul>'
        case Chart():
            return (
                f'<figure id="{block.name}"><div class="chart" role="img" aria-label="{_text(block.described)}"></div>'
                f'<figcaption>{_text(block.caption)}</figcaption></figure>'
            )
        case Panel():
            return (
                f'<figure id="{block.name}" class="panel"><div class="controls"></div>'
                f'<figcaption>{_text(block.caption)}</figcaption></figure>'
            )
        case Table():
            return _table(block)


def _table(table: Table) -> str:
    kinds = ['number' if place in table.numeric else 'text' for place in range(len(table.heads))]
    heads = ''.join(
        f'<th scope="col" class="{kind}">{_text(head)}</th>' for head, kind in zip(table.heads, kinds, strict=True)
    )
    rows = '\n'.join(
        '<tr>'
        + ''.join(f'<td class="{kind}">{_text(str(cell))}</td>' for cell, kind in zip(row, kinds, strict=True))
        + '</tr>'
        for row in table.rows
    )
    return (
        f'<div class="table" id="{table.name}" tabindex="0" role="region" aria-label="{_text(table.caption)}">'
        f'<table><caption>{_text(table.caption)}</caption>'
        f'<thead><tr>{heads}</tr></thead><tbody>\n{rows}\n</tbody></table></div>'
    )


def _text(text: str) -> str:
    """Returns a text as HTML, in an element or an attribute; control characters are shown as escapes."""
    return html.escape(shown(text).replace(' %', '\u00a0%'))


def _json(value: Any) -> str:
    """Returns JSON that no HTML parser reads as the end of its script."""
    written = json.dumps(value, allow_nan=False, separators=(',', ':'), default=_plain)
    return written.replace('<', '\\u003c').replace('>', '\\u003e').replace('&', '\\u0026')


def _plain(value: Any) -> Any:
    """Returns a number of NumPy as one of Python."""
    return value.item()


@functools.cache
def _library() -> str:
    return vl_convert.javascript_bundle('window.vegaEmbed = vegaEmbed;')


def _file(name: str) -> str:
    return importlib.resources.files('autoint_jax.report').joinpath(name).read_text('utf-8')
