"""Recipes of published data sets in ONNX graphs: the ids and numbers of `RowEncoder`, and columns that are derived."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import polars as pl
import pytest
from onnx_cases import encoding_session, raw_values, session
from scoring_cases import prepared_own

from autoint_jax.data.datasets import registry
from autoint_jax.data.datasets.row_encoder import RowEncoder
from autoint_jax.data.datasets.row_files import open_file
from autoint_jax.data.generated import shapes
from autoint_jax.data.raw.derived import DERIVATIONS
from autoint_jax.data.text.layout import Layout
from autoint_jax.export.onnx.graph import Graph, Port
from autoint_jax.export.onnx.raw_columns import any_of, number_column, text_column
from autoint_jax.export.onnx.raw_derived import DERIVED, derived_column
from autoint_jax.export.raw_inputs import raw_inputs

FAST = (('movielens_1m', 'with_ids'), ('avazu', 'bars'))  # between them they derive columns of both kinds
RECIPES = [
    pytest.param(name, recipe, marks=() if (name, recipe) in FAST else pytest.mark.slow)
    for name in ('movielens_1m', 'criteo', 'avazu', 'kdd12')
    for recipe in (('with_ids', 'autoint_all_rows') if name == 'movielens_1m' else ('autoint', 'bars'))
]


def assert_encodes(data, path, folder):
    """A graph encodes the raw rows of a file as `RowEncoder` does. Returns the ids."""
    runtime, plan = encoding_session(data, folder)
    encoder, file = RowEncoder(data), open_file(plan, path)
    blocks = [(one.columns.ids, one.columns.numeric, one.bad) for one in encoder.blocks(file)]
    ids, numeric, bad = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    with ThreadPoolExecutor(1) as threads:
        frame = pl.concat([raw.frame for raw, _ in file.source.rows(threads, None, lambda number, raw: raw)])
    found = runtime.run(None, {one.name: raw_values(one, frame[one.name]) for one in raw_inputs(plan)})
    np.testing.assert_array_equal(found[0], ids[~bad])
    np.testing.assert_array_equal(found[1], numeric[~bad])
    assert not found[2].any() and len(ids) > 500
    return ids


@pytest.mark.parametrize(('name', 'recipe'), RECIPES)
def test_recipes_have_the_ids_and_numbers_of_the_encoder(name, recipe, raw_dir, tmp_path):
    if name == 'movielens_1m':
        path = raw = raw_dir
    else:
        path = shapes.SHAPES[name](tmp_path / 'raw', 1009, 3)[0]
        raw = path.parent
    assert_encodes(registry.prepare(name, recipe, raw, tmp_path / 'prepared'), path, tmp_path)


def test_libsvm_rows_have_the_ids_and_numbers_of_the_encoder(tmp_path):
    rng = np.random.default_rng(2)
    lines = [
        f'{number % 2} {rng.integers(3, 6)}:1 7:{rng.normal():.3f} '
        + ' '.join(f'{index}:1' for index in sorted(rng.choice(np.arange(10, 20), rng.integers(0, 4), replace=False)))
        for number in range(701)
    ]
    (tmp_path / 'rows.libsvm').write_text('\n'.join(lines))
    (tmp_path / 'rows.yaml').write_text(
        'files: [rows.libsvm]\nlabel: label\nfields:\n- {name: first, column: "1"}\n'
        '- {name: number, column: 7-7, kind: numeric, transform: standard}\n'
        '- {name: many, column: 10-19, kind: multivalued, max_values: 2}\n'
    )
    ids = assert_encodes(prepared_own(tmp_path, tmp_path / 'rows.yaml'), tmp_path / 'rows.libsvm', tmp_path)
    assert (ids.max(0) > 1).all()


def derived_by_graph(derivation, source, values, folder):
    """The derived columns of numbers by a graph, and the rows that it calls bad."""
    graph = Graph({})
    column = number_column(graph, source, 'integer', Layout(()))
    columns = {name: derived_column(graph, name, column) for name, raw in DERIVED[derivation].items() if raw == source}
    outputs = [(Port(name, 'float64' if one.numbers else 'text', ('b',)), one.values) for name, one in columns.items()]
    bad = any_of(graph, [bad for one in columns.values() for bad in one.bad], graph.node('Shape', source))
    model = graph.model('derived', [Port(source, 'float64', ('b',))], [*outputs, (Port('bad', 'bool', ('b',)), bad)])
    onnx.save(model, folder / 'model.onnx')
    *found, wrong = session(folder).run(None, {source: values})
    return dict(zip(columns, found, strict=True)), wrong


def test_the_calendar_of_avazu(tmp_path):
    rng = np.random.default_rng(5)
    hours = [
        14102100,
        0,
        99999999,
        -1,
        10**8,
        14023000,
        14022923,
        16022923,
        100,
        99123123,
        14102124,
        14130100,
        14001200,
    ]
    hours += rng.integers(0, 10**8, 997).tolist()
    year, month, day, hour = (rng.integers(low, high, 4001) for low, high in ((0, 100), (1, 13), (1, 32), (0, 24)))
    hours += (year * 10**6 + month * 10**4 + day * 100 + hour).tolist()
    derivation, frame = DERIVATIONS['avazu_calendar'](tmp_path), pl.DataFrame({'hour': [None, *hours]})
    wrong = np.isin(np.arange(frame.height), list(derivation.check(frame)))
    found, bad = derived_by_graph('avazu_calendar', 'hour', np.array([np.nan, *hours]), tmp_path)
    np.testing.assert_array_equal(bad, wrong)
    expected = derivation.derive(frame.filter(~wrong))
    for name, values in found.items():
        np.testing.assert_array_equal(values[~wrong], expected[name].cast(pl.Float64).fill_null(np.nan), err_msg=name)
    assert 3000 < (~wrong).sum() < len(wrong)


@pytest.mark.parametrize(('source', 'name'), [('Year', 'ReleaseTime'), ('Age', 'AgeGroup')])
def test_the_groups_of_movielens(source, name, tmp_path):
    values = [None, 1, 17, 18, 24, 25, 55, 56, 57, 120, 1929, 1930, 1939, 1940, 1969, 1970, 1971, 2000, 10**15]
    values += [0, -1, -1930]  # no ages
    derivation = DERIVATIONS['movielens_groups'](tmp_path)
    frame = pl.DataFrame({'Year': values, 'Age': values})
    wrong = np.isin(np.arange(len(values)), list(derivation.check(frame)) if source == 'Age' else [])
    given = np.array([np.nan if value is None else value for value in values], np.float64)
    found, bad = derived_by_graph('movielens_groups', source, given, tmp_path)
    np.testing.assert_array_equal(bad, wrong)
    expected = derivation.derive(frame.filter(~wrong) if source == 'Age' else frame.with_columns(Age=20))
    assert found[name][~wrong].tolist() == expected[name].fill_null('').to_list()


def test_texts_of_whole_numbers(tmp_path):
    """Texts that a raw file takes as whole numbers become their digits; all others make their rows bad."""
    texts = [
        '7',
        '007',
        '+7',
        '-7',
        '-007',
        '0',
        '-0',
        '',
        '?',
        ' 8 ',
        '7.0',
        '1e3',
        'x',
        '٣',
        '7 7',
        '+',
        '--7',
        '0x10',
    ]
    texts += ['9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809']
    texts += ['18446744073709551615', '18446744073709551616', '1000000000000000000', '99999999999999999999']
    for kind, dtype in (('integer', pl.Int64), ('unsigned', pl.UInt64)):
        layout, graph = Layout((), strip=True, missing=('?',)), Graph({})
        column = text_column(graph, 'x', kind, layout, ())
        bad = any_of(graph, column.bad, graph.node('Shape', 'x'))
        outputs = [(Port('digits', 'text', ('b',)), column.values), (Port('bad', 'bool', ('b',)), bad)]
        onnx.save(graph.model('texts', [Port('x', 'text', ('b',))], outputs), tmp_path / 'model.onnx')
        digits, bad = session(tmp_path).run(None, {'x': np.array(texts, object)})
        series = pl.Series(texts).str.strip_chars().replace(['', '?'], None)
        typed = series.cast(dtype, strict=False)
        np.testing.assert_array_equal(bad, (typed.is_null() & series.is_not_null()).to_numpy())
        wanted = ['' if value is None else str(value) for value in typed]
        assert [text for text, wrong in zip(digits, bad, strict=True) if not wrong] == [
            text for text, wrong in zip(wanted, bad, strict=True) if not wrong
        ]
