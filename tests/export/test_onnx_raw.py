"""Raw values in ONNX graphs: the ids, numbers and scores of `RowEncoder` and the model, also for awkward values."""

import random

import jax
import numpy as np
import onnx
import polars as pl
import pytest
from onnx_cases import drawn_weights, encoding_session, session
from scoring_cases import prepared_own

from autoint_jax.bundle.weights import write_weights
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.data.datasets.row_encoder import RowEncoder
from autoint_jax.data.datasets.row_files import open_file
from autoint_jax.data.generated.every_kind import every_kind
from autoint_jax.errors import UsageError
from autoint_jax.export.made_rows import made_rows
from autoint_jax.export.onnx.graph import Graph
from autoint_jax.export.onnx.hashed_texts import can_be_hashed
from autoint_jax.export.onnx.raw_model import encoded_rows, raw_model
from autoint_jax.export.raw_inputs import NUMBER, raw_inputs
from autoint_jax.export.scored_function import function_of

AWKWARD = {
    'city': [
        '',
        ' ',
        '?',
        ' ? ',
        ' 7',
        '007',
        '7.0',
        '7',
        'x' * 10_000,
        '東京',
        'é',
        ' 01 ',
        '  "3", N  ',
        '"3", N',
        'a  b ',
        'a b',
    ],
    'tags': [
        '',
        ',',
        ',,',
        ' , ',
        'tag 1,,tag 2',
        ' tag 1 , tag 2 ',
        'tag 2,tag 1,tag 3,tag 4,tag 5',
        'new,tag 1',
        'tag 1,tag 1',
        '?',
        '?,tag 1',
        'tag  1',
        'TAG 1',
        ', tag 3',
        'x,' * 5000 + 'tag 1',
        'é,tag 1',
    ],
    'age': [
        '',
        '?',
        'nan',
        '0',
        '-0',
        '-7',
        '007',
        '7.0',
        '1e3',
        '3.4e38',
        '1e-320',
        '16.999999999999996',
        '90',
        '91',
        '53.5',
        '1e30',
    ],
    'gain': [
        '',
        '?',
        '0',
        '2',
        '2.0000000000000004',
        '3',
        '-1.5',
        '-0.5',
        '7.389056098930650',
        '1e18',
        '1e-300',
        '99999',
        '1e38',
        '12',
        '1',
        'nan',
    ],
}


@pytest.fixture(scope='module')
def own(tmp_path_factory):
    """Data of a table with every kind of field but hashed ones, which not all awkward texts have."""
    folder = tmp_path_factory.mktemp('raw')
    path = every_kind(folder / 'raw', 3000, 3)
    lines = [line for line in path.read_text().splitlines() if 'hash' not in line]
    path.write_text('\n'.join(lines))
    return prepared_own(folder, path), pl.read_csv(path.with_suffix('.csv'), infer_schema=False)


def awkward(table):
    """Rows of a table in which some columns have awkward values, all texts."""
    rows = max(map(len, AWKWARD.values()))
    frame = table.head(rows)
    return frame.with_columns(pl.Series(name, values) for name, values in AWKWARD.items())


def expected(data, frame, folder):
    """Ids, numbers and bad rows of a frame of texts by `RowEncoder`."""
    folder.mkdir()
    frame.write_csv(folder / 'rows.csv')
    encoder = RowEncoder(data)
    blocks = list(encoder.blocks(open_file(encoder.plan, folder / 'rows.csv')))
    return (
        *(np.concatenate([getattr(block.columns, name) for block in blocks]) for name in ('ids', 'numeric')),
        np.concatenate([block.bad for block in blocks]),
    )


def fed(plan, frame):
    """A frame of texts as the inputs of a graph: numbers where it wants them."""
    values = {}
    for column in raw_inputs(plan):
        texts = frame[column.name].fill_null('').to_list()
        if column.kind == NUMBER:
            values[column.name] = np.array([float(text) if text.strip() not in ('', '?') else np.nan for text in texts])
        else:
            values[column.name] = np.array(texts, object)
    return values


def assert_encodes(data, frame, folder):
    """The graph encodes a frame of texts as `RowEncoder` does."""
    runtime, plan = encoding_session(data, folder)
    ids, numeric, bad = expected(data, frame, folder / 'expected')
    found = runtime.run(None, fed(plan, frame))
    np.testing.assert_array_equal(found[2], bad)
    for place, name in enumerate(
        name for name, spec in data.schema.slots.items() for _ in range(spec.stop - spec.start)
    ):
        np.testing.assert_array_equal(found[0][~bad, place], ids[~bad, place], err_msg=name)
    np.testing.assert_array_equal(found[1][~bad], numeric[~bad])
    empty = runtime.run(None, {name: values[:0] for name, values in fed(plan, frame).items()})
    assert [len(array) for array in empty] == [0, 0, 0]
    return found


def test_awkward_values_have_the_ids_and_numbers_of_the_encoder(own, tmp_path):
    data, table = own
    ids, numeric, _ = assert_encodes(data, awkward(table), tmp_path)
    assert len(np.unique(ids[:, 0])) > 2 and np.isnan(numeric).any()


def test_rows_of_the_table_have_the_ids_and_numbers_of_the_encoder(own, tmp_path):
    data, table = own
    ids, *_ = assert_encodes(data, table, tmp_path)
    assert (ids.max(0) > 1).all()


def test_scores_are_those_of_the_model_and_not_a_number_in_bad_rows(own, tmp_path):
    data, table = own
    plan, config = RowEncoder(data).plan, ModelConfig(name='fm', embedding_dim=3)
    schema = data.schema
    weights = {name: values / np.float32(16) for name, values in drawn_weights(config, schema).items()}
    function, tensors = function_of(config, schema), write_weights(tmp_path / 'weights.bin', weights)
    model = raw_model(plan, raw_inputs(plan), function, tensors, schema, 'fm')
    onnx.save(model, tmp_path / 'raw.onnx')
    values = fed(plan, table.head(101))
    ids, numeric, _ = expected(data, table.head(101), tmp_path / 'expected')
    logits, probability = session(tmp_path, 'raw.onnx').run(None, values)
    wanted = np.asarray(jax.jit(function)(weights, ids, numeric))
    np.testing.assert_allclose(logits, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-np.float64(logits))), rtol=0, atol=1e-6)
    values['age'][:3] = [np.inf, -np.inf, 1e39]
    values['city'][3] = '\tOslo'
    logits, probability = session(tmp_path, 'raw.onnx').run(None, values)
    assert np.isnan(logits[:4]).all() and np.isnan(probability[:4]).all() and not np.isnan(logits[4:]).any()


HASHED = """
files: [hashed.csv]
label: y
fields:
- {name: text, transform: hash, buckets: 1009, missing_values: [none]}
- {name: again, column: text, transform: hash, buckets: 7}
- {name: words, kind: multivalued, separator: "|", transform: hash, buckets: 53, missing_values: [none]}
- {name: known, column: text}
"""


def test_hashed_fields_have_the_buckets_of_the_encoder(tmp_path):
    rng = random.Random(5)
    signs = [chr(code) for code in range(32, 127) if chr(code) not in '"|']
    drawn = [''.join(rng.choices(signs, k=length)) for length in range(1, 65)]
    texts = ['', 'none', ' a  b ', *drawn, 'x' * 65, 'é', ' ' * 70 + '7', '007']
    wrong = np.array([len(text.strip()) > 64 or not text.isascii() for text in texts])
    words = ['', 'none|a', ' a  b |c', '||', *('|'.join(rng.choices(drawn, k=rng.randrange(4))) for _ in texts[4:])]
    table = pl.DataFrame({'text': texts, 'words': words, 'y': rng.choices('01', k=len(texts))})
    table.write_csv(tmp_path / 'hashed.csv')
    (tmp_path / 'hashed.yaml').write_text(HASHED)
    data = prepared_own(tmp_path, tmp_path / 'hashed.yaml')
    runtime, plan = encoding_session(data, tmp_path / 'graph')
    ids, _, bad = expected(data, table, tmp_path / 'expected')
    found = runtime.run(None, fed(plan, table))
    np.testing.assert_array_equal(found[2], wrong)
    np.testing.assert_array_equal(found[0][~wrong], ids[~wrong])
    assert not bad.any() and (np.ptp(ids[:, :4], axis=0) > 0).all()
    made = [row['text'] for row in made_rows(plan) if row['text']]
    assert 'é' in plan.fitted.vocabularies['known'].values and made and all(map(can_be_hashed, made))
    none = runtime.run(None, {name: values[:0] for name, values in fed(plan, table).items()})
    assert [len(array) for array in none] == [0, 0, 0]


CROSSES = """
crosses:
- {fields: [city, age_bucket], min_count: 2}
- {fields: [hours, tags, likes], cap: 301}
- {fields: [user, gain], buckets: 13}
- {fields: [tags, city], buckets: 1009}
- {fields: [street, share], min_count: 2}
"""


def test_crossed_fields_have_the_ids_of_the_encoder(tmp_path):
    declaration = every_kind(tmp_path / 'raw', 2000, 3)
    lines = [line for line in declaration.read_text().splitlines() if 'hash' not in line]
    declaration.write_text('\n'.join(lines) + CROSSES)
    data, table = prepared_own(tmp_path, declaration), pl.read_csv(declaration.with_suffix('.csv'), infer_schema=False)
    ids, *_ = assert_encodes(data, table, tmp_path / 'rows')
    for name in data.schema.names[-5:]:
        own = ids[:, data.schema.slots[name]]
        assert len(np.unique(own)) > 10, name
    assert_encodes(data, awkward(table), tmp_path / 'awkward')
    plan = RowEncoder(data).plan
    with pytest.raises(UsageError, match="field 'city x age_bucket' is a cross of other fields, which a program of"):
        encoded_rows(Graph({}), plan, raw_inputs(plan), data.schema, 1, ['city'])
