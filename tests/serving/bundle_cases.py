"""A small bundle that is written by hand: logit = weight of the user + 0.25 * age + 0.5 * (number of tags).

An age of 999 is bad.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper

from autoint_jax.bundle.manifest import FORMATS, WEIGHTS, Field, Manifest, RawInput, write_manifest
from autoint_jax.bundle.weights import write_weights

USERS = {'7': 1, '007': 2, 'äö': 3}
WEIGHT = np.array([0.0, 1.0, -2.0, 0.5], np.float32)
COLUMNS = (RawInput('user', 'text'), RawInput('age', 'number'), RawInput('tags', 'texts', '|'))


def expected(user, age, tags):
    """The logit of a row of texts and a number."""
    count = len(tags.split('|')) if tags else 0
    if age == 999:
        return np.float32(np.nan)  # a row that the graph calls bad
    return WEIGHT[USERS.get(user, 0)] + np.float32(0.25 * (0.0 if age is None else age)) + np.float32(0.5 * count)


def _graph(tensors, users):
    """Returns the graph for `users` users, 1 or 'b'."""
    place = tensors['weight']
    weight = TensorProto(name='weight', data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (('location', WEIGHTS), ('offset', place.offset), ('length', place.bytes)):
        weight.external_data.add(key=key, value=str(value))
    constants = [
        helper.make_tensor('quarter', TensorProto.FLOAT, [], [0.25]),
        helper.make_tensor('half', TensorProto.FLOAT, [], [0.5]),
        helper.make_tensor('zero', TensorProto.FLOAT, [], [0.0]),
        helper.make_tensor('most', TensorProto.FLOAT, [], [999.0]),
        helper.make_tensor('nan', TensorProto.FLOAT, [], [float('nan')]),
    ]
    node = helper.make_node
    nodes = [
        node(
            'LabelEncoder',
            ['user'],
            ['id'],
            domain='ai.onnx.ml',
            keys_strings=list(USERS),
            values_int64s=list(USERS.values()),
            default_int64=0,
        ),
        node('Gather', ['weight', 'id'], ['of_user']),
        node('Cast', ['age'], ['number'], to=TensorProto.FLOAT),
        node('IsNaN', ['number'], ['missing']),
        node('Where', ['missing', 'zero', 'number'], ['present']),
        node('Equal', ['number', 'most'], ['bad']),
        node('Where', ['bad', 'nan', 'present'], ['taken']),
        node('Mul', ['taken', 'quarter'], ['of_age']),
        node('StringSplit', ['tags'], ['parts', 'counts'], delimiter='|'),
        node('Cast', ['counts'], ['count'], to=TensorProto.FLOAT),
        node('Mul', ['count', 'half'], ['of_tags']),
        node('Add', ['of_user', 'of_age'], ['first']),
        node('Add', ['first', 'of_tags'], ['logits']),
        node('Sigmoid', ['logits'], ['probability']),
    ]
    value = helper.make_tensor_value_info
    inputs = [
        value('user', TensorProto.STRING, [users]),
        value('age', TensorProto.DOUBLE, ['b']),
        value('tags', TensorProto.STRING, ['b']),
    ]
    outputs = [value(name, TensorProto.FLOAT, ['b']) for name in ('logits', 'probability')]
    graph = helper.make_graph(nodes, 'small', inputs, outputs, [weight, *constants])
    opsets = [helper.make_opsetid('', 21), helper.make_opsetid('ai.onnx.ml', 4)]
    return helper.make_model(graph, ir_version=10, opset_imports=opsets)


def write_bundle(folder, formats=('onnx_raw', 'onnx_request'), columns=COLUMNS, context=('user',)):
    """Writes the bundle to a new folder, and returns the folder."""
    folder.mkdir()
    tensors = write_weights(folder / WEIGHTS, {'unused': np.zeros(3, np.float32), 'weight': WEIGHT})
    for name in formats:
        onnx.save(_graph(tensors, 1 if name == 'onnx_request' else 'b'), folder / FORMATS[name])
    fields = tuple(Field(column.name, 'categorical', place, 1, 4) for place, column in enumerate(columns))
    write_manifest(
        folder,
        Manifest(
            created_by='autoint_jax 0.1.0',
            formats=formats,
            model='lr',
            precision='float32',
            fingerprint='f' * 12,
            data_hash='d' * 64,
            step=5,
            slots=3,
            fields=fields,
            raw_inputs=columns,
            context=context,
            unknown_values='become id 0',
            tensors=tensors,
            files={},
        ),
    )
    return folder
