"""The page about a run: every finding is somewhere on it, with words that follow from the numbers."""

import json

import numpy as np
import pytest
from made_findings import EVIL, made_findings
from test_page import data_of

from autoint_jax import units
from autoint_jax.evaluation.quality import Interval
from autoint_jax.report import assembly, curves, names
from autoint_jax.report.blocks import CAUTION, VERDICT, Chart, Panel, Table, Text
from autoint_jax.report.explanation import attention, words
from autoint_jax.report.explanation.page import page


def blocks_of(found, kind):
    return {block.name: block for block in page(found).blocks if isinstance(block, kind)}


@pytest.fixture(scope='module')
def found():
    return made_findings(evil=True)


def test_every_finding_has_its_place(found):
    made = page(found)
    assert [section.name for section in made.sections] == [
        'quality',
        'attention',
        'interactions',
        'rows',
        'belief',
        'about',
    ]
    assert set(blocks_of(found, Chart)) == {
        'ranking',
        'calibration',
        'learning',
        'segments',
        'attention_maps',
        'attention_agreement',
        'agreement_by_layer',
        'singles',
        'triples',
        'replaced',
        'kinds_agree',
        'permuted',
        'seeds_agree',
    }
    assert set(blocks_of(found, Panel)) == {'attention_panel', 'pairs', 'row_panel'}
    assert set(blocks_of(found, Table)) == {'metrics', 'segment_figures', 'value_pairs'}
    assert made.title == 'What autoint learned from made' and made.lead == ' '.join(found.belief.sentences[:2])
    assert dict(made.facts)['Rows'] == f"5,000 rows of test, rows where {EVIL} is 'v1'"
    assert EVIL not in assembly.document(made)


def test_what_is_not_known_is_left_out_or_said():
    bare = made_findings(3, 2, attention=False, labels=False, others=0)
    made = page(bare)
    assert [section.name for section in made.sections] == ['quality', 'interactions', 'rows', 'belief', 'about']
    (said,) = made.sections[0].blocks
    assert 'have no labels' in said.text and not {'permuted', 'seeds_agree'} & set(blocks_of(bare, Chart))
    data = blocks_of(bare, Panel)['row_panel'].data
    assert 'maps' not in data and data['rows'][0]['label'] is None
    assembly.document(made)


def test_rows_of_one_class_have_figures_but_no_ranking(found):
    """Neither an AUC nor a ROC curve exists, and a page has no number that JSON lacks."""
    quality, nan = found.quality, float('nan')
    one = quality._replace(
        metrics=quality.metrics | {'auc': Interval(nan, nan, nan)},
        roc=quality.roc._replace(y=np.full(101, nan)),
        precision_recall=quality.precision_recall._replace(y=np.full(101, nan)),
        segments=[segment._replace(auc=nan, low=nan, high=nan) for segment in quality.segments],
    )
    changed = found._replace(quality=one)
    assert not {'ranking', 'segments'} & set(blocks_of(changed, Chart)) and 'segment_figures' in blocks_of(
        changed, Table
    )
    assert any('have the same label' in getattr(block, 'text', '') for block in page(changed).sections[0].blocks)
    assembly.document(page(changed))


def test_pairs_are_ranked_by_each_kind(found):
    data = blocks_of(found, Panel)['pairs'].data
    assert [kind['name'] for kind in data['kinds']] == ['attention', 'rollout', 'gradient', 'intervention', 'shapley']
    for number, kind in enumerate(data['kinds']):
        effects = found.interactions.pairs[kind['name']]
        order = np.argsort(-effects.strength)
        ranks = [row['of'][number][4] for row in data['pairs']]
        assert sorted(ranks) == list(range(1, 22)) and ranks[order[0]] == 1 and ranks[order[-1]] == 21
        strengths = [row['of'][number][0] for row in data['pairs']]
        np.testing.assert_allclose(strengths, effects.strength, rtol=1e-5)
    assert data['pairs'][0]['of'][0][3] is None and data['pairs'][0]['of'][3][3] is not None  # attention has no sign


def test_maps_of_the_panel_are_those_of_the_groups(found):
    import base64

    data = blocks_of(found, Panel)['attention_panel'].data
    maps = data['maps']
    steps = np.frombuffer(base64.b64decode(maps['data']), '<u2').reshape(maps['shape'])
    given = np.stack([group.maps for group in found.attention.groups])
    np.testing.assert_allclose(maps['low'] + (maps['high'] - maps['low']) * steps / 65535, given, atol=1e-5)
    assert [group['name'] for group in data['groups']] == [group.name for group in found.attention.groups]
    assert sorted(data['clustered']) == list(range(7))


def test_only_what_the_page_has_room_for_is_in_it(monkeypatch):
    wide = made_findings(40, 30, layers=3)
    monkeypatch.setattr('autoint_jax.report.explanation.attention.MOST_FIELDS', 20)
    monkeypatch.setattr('autoint_jax.report.explanation.attention.MOST_BYTES', 50_000)
    monkeypatch.setattr('autoint_jax.report.explanation.single_rows.MOST_BYTES', 50_000)
    panels = blocks_of(wide, Panel)
    got = wide.attention.groups[0].maps.mean((0, 1)).sum(0)
    strongest = set(np.argsort(-got)[:20])
    assert panels['attention_panel'].data['maps']['shape'] == [7, 3, 2, 20, 20]
    assert (
        '7 of 13 groups' in panels['attention_panel'].caption and '20 of 40 fields' in panels['attention_panel'].caption
    )
    assert set(panels['row_panel'].data['shown']) == strongest and panels['row_panel'].data['maps']['shape'][0] == 6
    assert '6 of 30 explained rows' in panels['row_panel'].caption
    assert blocks_of(wide, Chart)['attention_maps'].spec['data']['values'][0]['of'] == 'layer 1, head 1'


def test_agreement_is_shown_layer_by_layer(found):
    agreement = found.attention.agreement
    values = blocks_of(found, Chart)['agreement_by_layer'].spec['data']['values']
    assert [value['group'] for value in values] == ['layer 1', 'layer 2', 'mean of layers']
    for value, matrix in zip(values, agreement.correlations, strict=True):
        own = [matrix[0, 1], matrix[0, 2], matrix[1, 2]]
        np.testing.assert_allclose(
            [value[name] for name in ('value', 'low', 'high')], [np.mean(own), min(own), max(own)]
        )


def test_nearly_uniform_attention_is_said(found):
    texts = [block for block in page(found).sections[1].blocks if isinstance(block, Text)]
    assert texts[1].kind == CAUTION and 'nearly uniform' in texts[1].text and '0.143' in texts[1].text
    strong = found.attention._replace(groups=[found.attention.groups[0]._replace(maps=_peaked(7))])
    texts = attention.section(found._replace(attention=strong), found.fields).blocks
    assert texts[1].kind == VERDICT and '0.9' in texts[1].text


def _peaked(fields):
    maps = np.full((2, 2, fields, fields), 0.1 / (fields - 1))
    maps[..., np.arange(fields), np.arange(fields)] = 0.9
    return maps.astype(np.float32)


def test_fields_that_attend_to_one_another_stand_together():
    weights = np.full((6, 6), 0.05)
    for group in ([0, 2, 4], [1, 3, 5]):
        weights[np.ix_(group, group)] = 0.28
    order = attention.clustered(weights)
    assert {field % 2 for field in order[:3]} in ({0}, {1}) and sorted(order) == list(range(6))
    assert attention.clustered(np.ones((2, 2))) == [0, 1]


def test_five_runs_of_fifty_fields_fit():
    document = assembly.document(page(made_findings(50, 400, layers=3)))
    assert len(document) < assembly.MOST_BYTES
    assert data_of(document)['panels']['row_panel']['data']['maps']['shape'][1:] == [3, 2, 50, 50]


def test_numbers_in_words():
    assert [words.number(value) for value in (0.1234, -12.345, 1234567, float('nan'), 0)] == [
        '0.123',
        '\u221212.3',
        '1,234,567',
        'unknown',
        '0',
    ]
    assert words.interval(Interval(0.5, 0.4, 0.6), 2) == '0.50 (0.40 to 0.60)'
    assert words.interval(Interval(*[float('nan')] * 3)) == 'unknown'
    assert units.counted(1, 'row') == '1 row' and units.counted(5000, 'row') == '5,000 rows'
    assert words.listed(['a']) == 'a' and words.listed(['a', 'b', 'c']) == 'a, b and c'


def test_labels_are_short_and_different():
    found = names.labels(['a' * 300 + 'b', 'a' * 300 + 'c', 'x\ny', 'x\\ny', ' ', 'short'])
    assert len(set(found)) == 6 and max(map(len, found)) <= names.LONGEST and found[-1] == 'short'
    assert found[0].startswith('aaa') and found[0].endswith('b #1') and found[4] == "' '"


def test_ticks_of_logarithmic_axes_are_round():
    assert curves.decades([0.002, 0.9]) == [0.001, 0.01, 0.1, 1.0]
    assert curves.decades([0.1, 0.6]) == [0.05, 0.1, 0.2, 0.5, 1.0]
    assert json.dumps(curves.decades([0.5, 0.5])) == '[0.2, 0.5, 1.0]'
