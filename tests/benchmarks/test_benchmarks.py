"""Benchmarks: what they count and compare, and that every suite leaves a complete record. No test asserts seconds."""

import sys

import numpy as np
import pytest
from conftest import ROOT

from autoint_jax.benchmarks import comparisons, report, roofline
from autoint_jax.benchmarks.shapes import SHAPES, Shape, criteo, distinct_rows, log_spaced, made_up
from autoint_jax.benchmarks.stepping import batches_in_order
from autoint_jax.benchmarks.windows import Timing, in_turn, medians, peer_rate
from autoint_jax.config.configuration import Config, replace
from autoint_jax.errors import UsageError
from autoint_jax.schema import CATEGORICAL, FieldSpec, Schema
from autoint_jax.training.run_folder.provenance import without_paths

PYTHON = sys.executable


@pytest.mark.parametrize('fields, smallest, total', [(8, 2, 3500), (26, 4, 999_168), (26, 4, 168), (3, 5, 15)])
def test_log_spaced_cardinalities_grow_and_sum_to_the_total(fields, smallest, total):
    sizes = log_spaced(fields, smallest, total)
    assert len(sizes) == fields and sum(sizes) == total and sizes[0] >= smallest
    assert list(sizes[:-1]) == sorted(sizes[:-1]) and sizes[-1] >= sizes[-2]


def test_shapes_are_those_the_documentation_states():
    assert len(SHAPES['ml1m'].cardinalities) == 8 and sum(SHAPES['ml1m'].cardinalities) == 3500
    assert len(SHAPES['criteo'].cardinalities) == 39 and sum(SHAPES['criteo'].cardinalities) == 1_000_000
    assert sum(criteo(6_000_000).cardinalities) == 6_000_000


def test_made_up_ids_are_in_range_and_log_uniform():
    schema, columns = made_up(Shape((2, 100_000)), 70_001, seed=5)
    assert columns.ids.shape == (70_001, 2) and columns.ids.min() >= 0
    assert columns.ids[:, 0].max() == 1 and columns.ids[:, 1].max() < 100_000
    # P(id < k) = log(k + 1) / log(v + 1)
    assert np.mean(columns.ids[:, 1] < 315) == pytest.approx(np.log(316) / np.log(100_001), abs=0.01)
    assert np.mean(columns.labels) == pytest.approx(0.25, abs=0.01)
    assert distinct_rows(schema, columns, 70_001) == sum(len(np.unique(column)) for column in columns.ids.T)


def test_operations_are_those_of_a_count_by_hand():
    """Two fields, d = 3, two layers of 2 heads of 5 (w = 10), an output layer, a deep network of one layer of 7."""
    schema = Schema((FieldSpec('one', CATEGORICAL, 11), FieldSpec('other', CATEGORICAL, 13)))
    model = replace(
        Config(),
        {
            'model.embedding_dim': 3,
            'model.num_layers': 2,
            'model.num_heads': 2,
            'model.head_dim': 5,
            'model.deep_hidden': (7,),
        },
    ).model
    multiplications = 0
    for inputs in (3, 10):
        multiplications += 2 * 4 * inputs * 10  # each field: query, key, value, residual
        multiplications += 2 * (2 * 2 * 5) * 2  # each head: scores and weighted sum, of each pair of fields
    multiplications += 2 * 10  # output layer
    multiplications += 2 * 3 * 7 + 7  # deep network
    assert roofline.forward_operations(schema, model) == 2 * multiplications
    without = roofline.forward_operations(schema, replace(Config(model=model), {'model.residual': False}).model)
    assert 2 * multiplications - without == 2 * 2 * (3 + 10) * 10


@pytest.mark.parametrize(
    'tables, optimizer',
    [
        ('deferred_adam', 2 * (3 * 3 + 1) * 9),
        ('lazy_adam', 2 * 3 * 3 * 9),
        ('rowwise_adagrad', 2 * (3 + 1) * 9),
        ('adam', 9 * 3 + 8 * 3 * 24),
    ],
)
def test_bytes_are_those_of_a_count_by_hand(tables, optimizer):
    """Batches of 6 rows that read 9 of a table's 24 rows of width 3."""
    schema = Schema((FieldSpec('one', CATEGORICAL, 11), FieldSpec('other', CATEGORICAL, 13)))
    config = replace(Config(), {'model.embedding_dim': 3, 'optimizer.tables': tables})
    work = roofline.step_work(schema, config, batch=6, distinct=9)
    inputs, rows_and_gradients = 2 + 1, 4 * 2 * 3
    assert work.bytes == pytest.approx(4 * (inputs + rows_and_gradients + optimizer / 6))
    assert work.operations == 3 * roofline.forward_operations(schema, config.model)
    scored = roofline.scoring_work(schema, config, batch=6, distinct=9)
    assert scored.bytes == pytest.approx(4 * (inputs + 2 * 2 * 3 + 9 * 3 / 6))
    assert scored.operations * 3 == work.operations


def test_the_share_is_that_of_the_tighter_bound():
    peak = roofline.Peak(operations=1000.0, bytes=100.0, how='given')
    assert roofline.roofline(10.0, roofline.Work(operations=20.0, bytes=1.0), peak)['share'] == 0.2
    assert roofline.roofline(10.0, roofline.Work(operations=20.0, bytes=4.0), peak)['share'] == 0.4


def test_windows_are_taken_in_turn():
    seen = []

    def measure(name, rates):
        return lambda seconds: seen.append((name, seconds)) or rates.pop(0)

    rates = in_turn({'a': measure('a', [1.0, 5.0, 2.0]), 'b': measure('b', [7.0, 9.0, 8.0])}, Timing(3, 0.5))
    assert [name for name, _ in seen] == ['a', 'b'] * 3 and {seconds for _, seconds in seen} == {0.5}
    assert rates == {'a': [1.0, 5.0, 2.0], 'b': [7.0, 9.0, 8.0]} and medians(rates) == {'a': 2.0, 'b': 8.0}


def test_batches_are_whole_and_padded():
    assert batches_in_order(7, 3, 4).tolist() == [[0, 1, 2, -1], [3, 4, 5, -1]]


def test_a_peers_last_line_counts():
    code = r'print("warming up"); print("{\"examples_per_second\": 12.5}")'
    assert peer_rate(f"{PYTHON} -c '{code}'") == 12.5


@pytest.mark.parametrize(
    'command, parts',
    [
        (f"{PYTHON} -c 'print(1)'", ['printed no JSON line', 'it printed no such line']),
        (f'''{PYTHON} -c "print('{{}}')"''', ['printed no JSON line']),
        (f'''{PYTHON} -c "raise SystemExit('no torch here')"''', ['no torch here']),
        ('no_such_program_at_all --x', ['cannot be run']),
        ("python 'unclosed", ['cannot be run']),
        ('', ['cannot be run']),
    ],
)
def test_peers_that_do_not_keep_to_the_protocol(command, parts):
    with pytest.raises(UsageError) as error:
        peer_rate(command)
    assert all(part in str(error.value) for part in parts), error.value


@pytest.mark.parametrize(
    'text, shown',
    [
        ('/opt/v/bin/python /home/me/torch_autoint.py --shape ml1m', 'python torch_autoint.py --shape ml1m'),
        ('--record=/tmp/x/step.json', '--record=step.json'),
        ('results/step.json', 'results/step.json'),
        ("--peer='/usr/bin/python' a/b", "--peer='python' a/b"),
        ('https://host/path', 'https://host/path'),
        ('X=/a/b:/c/d run', 'X=b:d run'),
    ],
)
def test_commands_are_recorded_without_this_machines_paths(text, shown):
    assert without_paths(text) == shown


def test_paths_below_the_working_directory_become_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert without_paths(f'python {tmp_path}/scripts/run.py') == 'python scripts/run.py'


def test_tables_are_aligned():
    assert report.table(['rows/s', 'name'], [(12345.6, 'a'), (7, 'longer')]) == [
        'rows/s  name',
        '12,346  a',
        '     7  longer',
    ]


def test_operations_of_a_model_are_those_of_its_products():
    schema, _ = made_up(Shape((5,) * 4), 8, seed=0)
    deep = {'model.name': 'dnn', 'model.embedding_dim': 8, 'model.deep_hidden': (32, 16)}
    counted = comparisons.forward_operations(replace(Config(), deep), schema)
    products = 2 * (32 * 32 + 32 * 16 + 16)
    assert products <= counted < 1.2 * products


def test_the_library_does_not_use_the_benchmarks():
    users = [
        path
        for path in ROOT.glob('autoint_jax/**/*.py')
        if 'benchmarks' not in path.parts and 'autoint_jax.benchmarks' in path.read_text()
    ]
    assert users == []
