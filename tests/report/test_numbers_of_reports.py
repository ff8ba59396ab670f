"""The files beside the page: every number of the findings is in one of them."""

import json

import numpy as np
import polars as pl
import pytest
from made_findings import EVIL, made_findings

from autoint_jax.report.explanation import files, numbers


@pytest.fixture(scope='module')
def found():
    return made_findings(3, 4, evil=True)


@pytest.fixture(scope='module')
def written(found, tmp_path_factory):
    folder = tmp_path_factory.mktemp('explanation')
    paths = numbers.write(found, folder)
    assert paths[0] == folder / 'findings.json' and all(path.exists() for path in paths)
    return folder


def table(written, name):
    return pl.read_parquet(written / 'numbers' / f'{name}.parquet')


def test_tables_hold_all_numbers(found, written):
    attention = table(written, 'attention')
    np.testing.assert_array_equal(
        attention['weight'].to_numpy(), np.concatenate([group.maps.ravel() for group in found.attention.groups])
    )
    one = attention.filter(
        (pl.col('rows') == 'label 1')
        & (pl.col('layer') == 'layer 2')
        & (pl.col('head') == 1)
        & (pl.col('field') == EVIL)
    )
    assert one['attended'].to_list() == found.fields
    np.testing.assert_array_equal(one['weight'].to_numpy(), found.attention.groups[2].maps[1, 0, 0])
    strengths = table(written, 'strengths')
    pairs = found.interactions.pairs['rollout']
    of = strengths.filter((pl.col('kind') == 'rollout') & (pl.col('fields').list.len() == 2))
    assert of['fields'].to_list() == [list(group) for group in pairs.groups]
    np.testing.assert_array_equal(of['strength'].to_numpy(), pairs.strength)
    assert strengths.height == 2 * 3 + 5 * 3 + 1
    rows = table(written, 'rows')
    assert rows['values'].to_list() == [row.values for row in found.rows]
    np.testing.assert_array_equal(np.float32(rows['attention'].to_list()[3]), found.rows[3].attention.ravel())
    assert rows['pairs'].to_list()[0][0]['effect'] == found.rows[0].pairs[0][2]
    assert table(written, 'segments').height == len(found.quality.segments)
    assert table(written, 'learning')['run'].unique().sort().to_list() == ['made_0', 'made_1', 'made_2']
    agreement = table(written, 'attention_agreement')
    last = agreement.filter(pl.col('of') == 'mean of layers')['correlation'].to_numpy().reshape(3, 3)
    np.testing.assert_array_equal(last, found.attention.agreement.correlations[-1])
    assert table(written, 'replaced').height == 2 * 6 * 4 and table(written, 'permuted').height == 3


def test_json_holds_the_answers(found, written):
    answers = json.loads((written / 'findings.json').read_text())
    assert answers['run']['folder'] == 'made_0' and answers['fields'] == found.fields
    assert answers['metrics']['auc'] == {'value': 0.81, 'low': 0.8, 'high': 0.82}
    strongest = found.interactions.pairs['shapley']
    assert answers['strongest_pairs']['shapley'][0] == list(strongest.groups[strongest.strength.argmax()])
    assert answers['sentences'] == found.belief.sentences


def test_what_is_unknown_becomes_null_or_no_table(tmp_path):
    bare = made_findings(3, 0, attention=False, labels=False, others=0)
    bare = bare._replace(belief=bare.belief._replace(correlations=np.full((2, 2), np.nan), deletion={}, insertion={}))
    numbers.write(bare, tmp_path)
    answers = json.loads((tmp_path / 'findings.json').read_text())
    assert answers['correlations'] == [[None, None]] * 2 and answers['metrics'] == {} and answers['seeds'] is None
    assert sorted(path.stem for path in (tmp_path / 'numbers').iterdir()) == ['strengths', 'values']


def test_a_name_that_is_no_unicode_is_written(tmp_path):
    found = made_findings(3, 1)
    found = found._replace(rows=[found.rows[0]._replace(values=['a\ud800b', '', 'x'])])
    numbers.write(found, tmp_path)
    assert table(tmp_path, 'rows')['values'].to_list() == [['a\\ud800b', '', 'x']]


@pytest.mark.slow
def test_a_report_is_a_folder(tmp_path):
    written = files.write(made_findings(3, 2, layers=1), tmp_path / 'explanation')
    names = {str(path.relative_to(tmp_path / 'explanation')) for path in written}
    assert {'report.html', 'findings.json', 'numbers/attention.parquet', 'figures/attention_maps.png'} <= names
    assert all(path.stat().st_size for path in written)
