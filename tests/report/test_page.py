"""The page of a report: everything in one file, and text stays text."""

import base64
import json
import re

import numpy as np
import pytest
from matplotlib import image

from autoint_jax.errors import UsageError
from autoint_jax.report import assembly, curves, dots, figures, packed, theme
from autoint_jax.report.blocks import CAUTION, Chart, Page, Panel, Section, Table, Text

HOSTILE = '<img src=x onerror=alert(1)>'
END = '</script><script>alert(2)</script>'


def small_page():
    """A page with each kind of block, and with names that a page must not read as HTML."""
    lines = curves.lines(
        {
            HOSTILE: curves.Curve(np.arange(3), np.arange(3) / 2),
            END: curves.Curve(np.arange(3), np.array([1, np.nan, 0])),
        },
        curves.Axis('x'),
        curves.Axis(f'y of {HOSTILE}'),
    )
    table = Table('one_table', ['of', HOSTILE], [[END, 1]], 'a table', frozenset({1}))
    blocks = [Text(HOSTILE), Text('a \ud800 b', CAUTION), Chart('one_chart', lines, END, HOSTILE), table]
    return Page(f'About {HOSTILE}', 'lead', [('run', HOSTILE)], [Section('one', HOSTILE, blocks)])


def data_of(document):
    (found,) = re.findall(r'<script type="application/json" id="report-data">(.*?)</script>', document, re.DOTALL)
    return json.loads(found)


@pytest.fixture(scope='module')
def document():
    return assembly.document(small_page())


def test_text_stays_text(document):
    assert HOSTILE not in document and END not in document and 'alert(2)' in document
    assert document.count('&lt;img src=x onerror=alert(1)&gt;') >= 6 and 'a \\ud800 b' in document
    spec = data_of(document)['charts']['one_chart']
    assert spec['description'] == HOSTILE
    assert [row['series'] for row in spec['data']['values']] == [HOSTILE] * 3 + [END] * 2  # NaN is left out
    document.encode()


def test_a_page_asks_for_nothing(document):
    assert "default-src 'none'" in document
    above, _, _ = document.partition('id="report-data"')
    assert re.findall(r'(?:src|href)="([^"]*)"', above) == ['data:,', '#report', '#one'] and '{{' not in above
    assert 800_000 < len(document) < 1_200_000 and document.count('</script>') == 3


def test_names_are_unique_identifiers():
    for sections in ([Section('a b', 'x', [])], [Section('a', 'x', []), Section('a', 'x', [])]):
        with pytest.raises(ValueError, match='must be an identifier'):
            assembly.document(Page('t', 'l', [], sections))


def test_a_page_that_is_too_large_is_refused():
    page = Page('t', 'l', [], [Section('a', 'x', [Text('x' * assembly.MOST_BYTES)])])
    with pytest.raises(UsageError, match='the report would take 8.9. MB, more than the 8 MB .* leave parts of it out'):
        assembly.document(page)


def test_every_chart_is_written_without_a_browser(tmp_path):
    written = figures.write(small_page(), tmp_path / 'figures')
    assert [path.name for path in written] == ['one_chart.svg', 'one_chart.png']
    svg = written[0].read_text()
    assert (
        HOSTILE not in svg
        and '&lt;img src=x onerror=alert(1)&gt;' in svg
        and theme.LIGHT['range']['category'][1] in svg
    )
    height, width, _ = image.imread(written[1]).shape
    assert width > 2 * curves.WIDTH and height > 2 * curves.HEIGHT


def test_packed_numbers_are_near():
    values = np.random.default_rng(0).normal(size=(3, 5, 2))
    found = packed.array(values)
    steps = np.frombuffer(base64.b64decode(found['data']), '<u2').reshape(found['shape'])
    unpacked = found['low'] + (found['high'] - found['low']) * steps / packed.STEPS
    np.testing.assert_allclose(unpacked, values, rtol=0, atol=0.51 * np.ptp(values) / packed.STEPS)
    assert len(found['data']) == packed.packed_bytes(values.size) == 80
    assert packed.array(np.full(3, 2.5)) == {'shape': [3], 'low': 2.5, 'high': 2.5, 'data': 'AAAAAAAA'}
    assert packed.array(np.zeros((0, 2)))['shape'] == [0, 2]


def test_groups_of_a_dot_plot_stand_in_their_order():
    spec = dots.dots([dots.Dot('b', 1.0, 0.5, 1.5), dots.Dot('a', 2.0)], 'strength', level=1.0)
    assert spec['layer'][-1]['encoding']['y']['sort'] == ['b', 'a'] and len(spec['layer']) == 3
    assert spec['data']['values'] == [
        {'group': 'b', 'value': 1.0, 'low': 0.5, 'high': 1.5, 'series': '', 'note': ''},
        {'group': 'a', 'value': 2.0, 'series': '', 'note': ''},
    ]


def test_charts_name_no_colours():
    spec = json.dumps(small_page().charts[0].spec)
    assert not re.search(r'#[0-9a-f]{6}|"(?:steelblue|red|black|white)"', spec)


def test_panels_bring_their_scripts(monkeypatch):
    read = assembly._file
    monkeypatch.setattr(assembly, '_file', lambda name: f'/* {name} */' if name.startswith('panels/') else read(name))
    panel = Panel('one_panel', 'made_up', {'names': [HOSTILE]}, 'caption')
    document = assembly.document(Page('t', 'l', [], [Section('a', 'x', [panel])]))
    assert '/* panels/made_up.js */' in document
    assert data_of(document)['panels'] == {'one_panel': {'kind': 'made_up', 'data': {'names': [HOSTILE]}}}
