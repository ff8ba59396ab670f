"""The model repository for Triton: its files, and configurations that protocol buffers can read."""

import os

import bundle_cases as cases
import numpy as np
import onnxruntime
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from autoint_jax.serving import triton
from autoint_jax.serving.raw_columns import columns_of

# The part of Triton's model_config.proto that is used: {message: {field: (type, repeated)}}.
TYPE, KIND = (
    ('TYPE_STRING', 'TYPE_FP64', 'TYPE_FP32', 'TYPE_INT32', 'TYPE_INT64'),
    ('KIND_AUTO', 'KIND_CPU', 'KIND_GPU'),
)
PORT = {'name': ('string', 0), 'data_type': ('DataType', 0), 'dims': ('int64', 1), 'reshape': ('ModelTensorReshape', 0)}
MESSAGES = {
    'ModelTensorReshape': {'shape': ('int64', 1)},
    'ModelInput': PORT,
    'ModelOutput': PORT,
    'ModelDynamicBatching': {'max_queue_delay_microseconds': ('uint64', 0)},
    'ModelInstanceGroup': {'kind': ('Kind', 0), 'count': ('int32', 0)},
    'ModelConfig': {
        'name': ('string', 0),
        'backend': ('string', 0),
        'max_batch_size': ('int32', 0),
        'input': ('ModelInput', 1),
        'output': ('ModelOutput', 1),
        'dynamic_batching': ('ModelDynamicBatching', 0),
        'instance_group': ('ModelInstanceGroup', 1),
    },
}


def parsed(text):
    """The configuration that a text holds; an error if protocol buffers cannot read it."""
    file = descriptor_pb2.FileDescriptorProto(name='model_config.proto', package='inference', syntax='proto3')
    for name, values in (('DataType', TYPE), ('Kind', KIND)):
        enum = file.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, (kind, repeated)) in enumerate(fields.items(), 1):
            added = message.field.add(name=field, number=number, label=3 if repeated else 1)
            if kind in MESSAGES or kind in ('DataType', 'Kind'):
                added.type = kinds.TYPE_MESSAGE if kind in MESSAGES else kinds.TYPE_ENUM
                added.type_name = f'.inference.{kind}'
            else:
                added.type = getattr(kinds, f'TYPE_{kind.upper()}')
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    config = message_factory.GetMessageClass(pool.FindMessageTypeByName('inference.ModelConfig'))()
    return text_format.Parse(text, config)


def test_a_repository_has_a_model_for_each_program(tmp_path):
    bundle = cases.write_bundle(tmp_path / 'bundle')
    assert triton.write_repository(bundle, tmp_path / 'models') == ['lr_raw', 'lr_request']
    files = sorted(str(path.relative_to(tmp_path / 'models')) for path in (tmp_path / 'models').rglob('*.*'))
    assert files == [
        f'lr_{name}/{file}' for name in ('raw', 'request') for file in ('1/model.onnx', '1/weights.bin', 'config.pbtxt')
    ]
    raw = parsed((tmp_path / 'models/lr_raw/config.pbtxt').read_text())
    assert (raw.name, raw.backend, raw.max_batch_size) == ('lr_raw', 'onnxruntime', 4096)
    assert [(port.name, TYPE[port.data_type], list(port.dims)) for port in raw.input] == [
        ('user', 'TYPE_STRING', [1]),
        ('age', 'TYPE_FP64', [1]),
        ('tags', 'TYPE_STRING', [1]),
    ]
    # The graph has no second axis: [b, 1] is turned into [b].
    assert all(port.HasField('reshape') and list(port.reshape.shape) == [] for port in (*raw.input, *raw.output))
    assert [port.name for port in raw.output] == ['logits', 'probability']
    assert raw.dynamic_batching.max_queue_delay_microseconds == 500
    request = parsed((tmp_path / 'models/lr_request/config.pbtxt').read_text())
    assert request.max_batch_size == 0 and not request.HasField('dynamic_batching')
    assert [(port.name, list(port.dims)) for port in request.input] == [('user', [1]), ('age', [-1]), ('tags', [-1])]


def test_the_programs_find_their_weights(tmp_path):
    triton.write_repository(cases.write_bundle(tmp_path / 'bundle'), tmp_path / 'models')
    os.rename(tmp_path / 'bundle', tmp_path / 'gone')
    rows = [{'user': '007', 'age': 3, 'tags': 'a'}]
    for name in ('raw', 'request'):
        session = onnxruntime.InferenceSession(tmp_path / f'models/lr_{name}/1/model.onnx')
        logits = session.run(['logits'], columns_of(rows, cases.COLUMNS))[0]
        np.testing.assert_allclose(logits, [cases.expected('007', 3, 'a')], rtol=1e-6)


def test_names_of_any_characters_are_quoted(tmp_path):
    text = triton._quoted('a"b\\c\nä')
    assert text == '"a\\042b\\134c\\012\\303\\244"'
    assert parsed(f'name: {text}').name == 'a"b\\c\nä'


def test_the_command_refuses_what_it_cannot_write(tmp_path, capsys):
    bundle = cases.write_bundle(tmp_path / 'bundle')
    (tmp_path / 'full/inside').mkdir(parents=True)
    for arguments, sentence in (
        ([], 'usage: python -m autoint_jax.serving.triton BUNDLE FOLDER'),
        ([bundle, tmp_path / 'full'], 'exists already and is not an empty folder: name another folder'),
        ([tmp_path / 'none', tmp_path / 'models'], 'does not exist: name a folder that scripts/export.py wrote'),
        (
            [cases.write_bundle(tmp_path / 'other', ()), tmp_path / 'models'],
            'has no ONNX program: export the run again',
        ),
    ):
        assert triton.main(list(map(str, arguments))) == 2
        assert sentence in capsys.readouterr().err
    (tmp_path / 'models').mkdir()
    assert triton.main([str(bundle), str(tmp_path / 'models')]) == 0
    assert capsys.readouterr().out == f'{tmp_path}/models: lr_raw, lr_request\n'


@pytest.mark.parametrize('number', [0, 1])
def test_shapes_of_ids_and_numbers(number, tmp_path):
    class Session:
        def get_inputs(self):
            return [Given('ids', 'tensor(int32)', ['b', 39]), Given('numeric', 'tensor(float)', ['b', 13])]

        def get_outputs(self):
            return [Given('logits', 'tensor(float)', ['b'])]

    manifest = triton.verified(cases.write_bundle(tmp_path / 'bundle'))
    port = parsed(triton.config_text('dnn_ids', manifest, Session())).input[number]
    assert (list(port.dims), port.HasField('reshape')) == ([[39], [13]][number], False)


class Given:
    def __init__(self, name, kind, shape):
        self.name, self.type, self.shape = name, kind, shape
