"""The files of a table."""

import json

import pytest

from autoint_jax.errors import UsageError
from autoint_jax.records.tables import seeds_of, write_table

ROWS = [{'model': 'fm', 'auc': 0.8, 'runs': ['fm-1', 'fm-2']}]


def test_a_table_is_written_as_json_and_csv(tmp_path):
    write_table(tmp_path / 'in' / 'table', ROWS, {'seeds': 2})
    table = json.loads((tmp_path / 'in' / 'table.json').read_text())
    assert table['rows'] == ROWS and table['seeds'] == 2 and {'command', 'commit', 'versions'} <= set(table)
    assert (tmp_path / 'in' / 'table.csv').read_text().splitlines() == ['model,auc,runs', 'fm,0.8,fm-1 fm-2']


@pytest.mark.parametrize('many, few', [(3, 2), ([0, 1, 2], [0, 1])])
def test_a_table_with_fewer_seeds_does_not_replace_one_with_more(tmp_path, many, few):
    path = tmp_path / 'table'
    assert seeds_of(path) == 0
    write_table(path, ROWS, {'seeds': many})
    before = [path.with_suffix(kind).read_bytes() for kind in ('.json', '.csv')]
    with pytest.raises(UsageError, match=r'table.json shows 3 seeds, and a table of 2 does not .* give --seeds=3'):
        write_table(path, ROWS, {'seeds': few})
    assert [path.with_suffix(kind).read_bytes() for kind in ('.json', '.csv')] == before
    assert seeds_of(path) == 3
    write_table(path, ROWS, {'seeds': many})
