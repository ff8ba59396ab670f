"""Times a request of one context and many candidates in JAX, in ONNX of whole rows, and in ONNX of requests.

Claim: a graph that computes the context once takes at most a tenth more CPU time than one of whole rows, and at least a
tenth less in DNN and DeepFM with half of Criteo's fields as context. ONNX of whole rows takes at most twice the CPU
time of JAX.

    python experiments/serving_gain.py

The models have made-up weights and the shapes of MovieLens-1M and Criteo. All three programs take ids. ONNX Runtime has
one thread, and JAX takes whole rows in the fastest form for this machine. The programs are called in turn, and the
medians of their CPU times are compared. Time: two minutes. PASS: the claim holds for all models and sizes. Writes
results/benchmarks/serving_gain.json; --quick writes nothing and judges nothing.
"""

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command

_CALLS = flags.DEFINE_integer('calls', 30, 'Calls of each program.', lower_bound=1)
_QUICK = flags.DEFINE_boolean('quick', False, 'One model and few calls, no record and no verdict.')
_RESULTS_DIR = flags.DEFINE_string('results_dir', 'results/benchmarks', 'Folder of records.')

if __name__ == '__main__':
    command.parse()

import dataclasses
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import onnx
import onnxruntime

from autoint_jax.benchmarks.report import table, write_record
from autoint_jax.benchmarks.shapes import SHAPES, made_up
from autoint_jax.bundle.weights import write_weights
from autoint_jax.config.execution_config import AUTOMATIC
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.export.onnx.converter import onnx_model
from autoint_jax.export.request_function import request_function
from autoint_jax.export.scored_function import ExportedWeights, function_of
from autoint_jax.models import registry
from autoint_jax.models.layers.tables import initial_tables, lookup
from autoint_jax.schema import Batch, Schema
from autoint_jax.serving.scorer import session_of

COUNTS = (100, 1000)
CONTEXTS = {'ml1m': 5, 'criteo': 20}  # fields of the context, of 8 and 39
AUTOINT = ModelConfig(name='autoint', embedding_dim=16, num_layers=3, num_heads=2, head_dim=32)
MODELS = {
    'autoint': AUTOINT,
    'autoint+': dataclasses.replace(AUTOINT, deep_hidden=(400, 400)),
    'dnn': ModelConfig(name='dnn', embedding_dim=16, deep_hidden=(400, 400)),
    'deepfm': ModelConfig(name='deepfm', embedding_dim=16, deep_hidden=(400, 400)),
}
PROGRAMS = ('jax', 'onnx', 'onnx_request')
MOST, LEAST_GAIN, MOST_OF_JAX = 1.1, 0.9, 2.0  # bounds of the claim

Call = Callable[[], np.ndarray]


def main(argv: list[str]) -> int:
    found = []
    for shape in CONTEXTS if not _QUICK.value else ('ml1m',):
        for name in MODELS if not _QUICK.value else ('autoint',):
            found += _measured(shape, name)
    header = ('shape', 'model', 'candidates', 'JAX ms', 'ONNX ms', 'request ms', 'JAX / ONNX', 'ONNX / request')
    rows = [
        (
            *(one[key] for key in ('shape', 'model', 'candidates')),
            *(1e3 * one['cpu_seconds'][program] for program in PROGRAMS),
            one['cpu_seconds']['jax'] / one['cpu_seconds']['onnx'],
            one['cpu_seconds']['onnx'] / one['cpu_seconds']['onnx_request'],
        )
        for one in found
    ]
    print('\n'.join(table(header, rows)))
    if _QUICK.value:
        print('quick: no verdict')
        return 0
    good = all(_holds(one) for one in found)
    figures = {
        'context_fields': CONTEXTS,
        'calls': _CALLS.value,
        'measured': found,
        'onnxruntime': onnxruntime.__version__,
    }
    path = pathlib.Path(_RESULTS_DIR.value, 'serving_gain.json')
    write_record(path, 'serving_gain', figures, ['experiments/serving_gain.py', *sys.argv[1:]])
    print(f'{path}: {"PASS" if good else "FAIL"}')
    return 0 if good else 3


def _holds(one: Mapping[str, Any]) -> bool:
    """Returns whether the claim holds for one case."""
    seconds = one['cpu_seconds']
    bound = LEAST_GAIN if (one['shape'], one['model']) in (('criteo', 'dnn'), ('criteo', 'deepfm')) else MOST
    return seconds['onnx_request'] <= bound * seconds['onnx'] and seconds['onnx'] <= MOST_OF_JAX * seconds['jax']


def _measured(shape: str, name: str) -> list[dict[str, Any]]:
    """Returns the times of a model for each number of candidates. Raises ValueError if two programs disagree."""
    schema, columns = made_up(SHAPES[shape], max(COUNTS), 0)
    held = CONTEXTS[shape]
    ids = columns.ids.copy()
    ids[:, :held] = ids[0, :held]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        programs = _programs(pathlib.Path(folder), schema, MODELS[name], held)
        for count in COUNTS:
            calls = programs(ids[:count])
            logits = {program: call() for program, call in calls.items()}
            for program, own in logits.items():
                if np.abs(own - logits['jax']).max() > 1e-5:
                    raise ValueError(f'{program} of {name} ({shape}) differs from JAX by more than 1e-5')
            seconds: dict[str, list[float]] = {program: [] for program in calls}
            for _ in range(3 if _QUICK.value else _CALLS.value):
                for program, call in calls.items():
                    begun = time.process_time()
                    call()
                    seconds[program].append(time.process_time() - begun)
            medians = {program: statistics.median(own) for program, own in seconds.items()}
            found.append({'shape': shape, 'model': name, 'candidates': count, 'cpu_seconds': medians})
    return found


def _programs(
    folder: pathlib.Path, schema: Schema, config: ModelConfig, held: int
) -> Callable[[np.ndarray], dict[str, Call]]:
    """Writes the programs of a model to a folder, and returns a function of ids [n, f] that returns a call of each.

    Args:
      folder: for weights and graphs.
      schema: the fields, each of one id.
      config: the model.
      held: the number of fields of the context, which are the first ones.
    """
    model, specs = registry.build(config, schema, AUTOMATIC)
    tables = initial_tables(specs, jax.random.key(0))
    two = Batch(
        np.ones((2, len(schema.fields)), np.int32),
        np.zeros((2, 0), np.float32),
        np.zeros(2, np.float32),
        np.ones(2, np.float32),
    )
    variables = model.init(jax.random.key(1), lookup(tables, specs, two), two, training=None)
    weights = ExportedWeights(variables, tables, specs, 'float32')
    tensors, (b,) = write_weights(folder / 'weights.bin', weights), jax.export.symbolic_shape('b')

    def like(prefix: str, rows: Any, width: int) -> dict[str, jax.ShapeDtypeStruct]:
        return {
            f'{prefix}ids': jax.ShapeDtypeStruct((rows, width), np.int32),
            f'{prefix}numeric': jax.ShapeDtypeStruct((rows, 0), np.float32),
        }

    fields = len(schema.fields)
    graphs: dict[str, tuple[Callable[..., Any], dict[str, jax.ShapeDtypeStruct]]] = {
        'onnx': (function_of(config, schema, form='heads'), like('', b, fields)),
        'onnx_request': (
            request_function(config, schema, schema.names[:held]),
            like('context_', 1, held) | like('', b, fields - held),
        ),
    }
    sessions = {}
    for name, (function, inputs) in graphs.items():
        onnx.save(onnx_model(function, tensors, inputs, ['logits'], name), folder / f'{name}.onnx')
        sessions[name] = session_of(folder / f'{name}.onnx')
    compiled = jax.jit(function_of(config, schema, form=AUTOMATIC))
    on_device = jax.device_put(dict(weights))

    def calls(ids: np.ndarray) -> dict[str, Call]:
        none = np.zeros((len(ids), 0), np.float32)
        whole = _given(sessions['onnx'], {'ids': ids, 'numeric': none})
        request = {'context_ids': ids[:1, :held], 'context_numeric': none[:1], 'ids': ids[:, held:], 'numeric': none}
        parted = _given(sessions['onnx_request'], request)
        return {
            'jax': lambda: np.asarray(compiled(on_device, ids, none)),
            'onnx': lambda: sessions['onnx'].run(None, whole)[0],
            'onnx_request': lambda: sessions['onnx_request'].run(None, parted)[0],
        }

    return calls


def _given(session: onnxruntime.InferenceSession, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the inputs that a graph has."""
    return {one.name: np.ascontiguousarray(arrays[one.name]) for one in session.get_inputs()}


if __name__ == '__main__':
    command.run(main)
