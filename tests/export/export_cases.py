"""What tests of exports share: bundles of runs, and bundles of small models with drawn weights."""

import json
import pathlib
import subprocess
import sys

import jax
import model_cases as cases
import numpy as np

from autoint_jax.bundle.manifest import FORMATS, WEIGHTS, Manifest, write_manifest
from autoint_jax.bundle.weights import write_weights
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.export import stablehlo
from autoint_jax.export.exported_bundle import Wanted, write_bundle
from autoint_jax.export.scored_function import ExportedWeights, function_of
from autoint_jax.models import registry
from autoint_jax.schema import Batch, Schema
from autoint_jax.training.trained import TrainedRun

STABLEHLO = ('stablehlo',)
FILES = ('stablehlo', 'onnx')


def exported(folder: pathlib.Path, run_dir: pathlib.Path, run: TrainedRun, *formats: str, **wanted) -> Manifest:
    """Writes the bundle of a run in a new folder."""
    folder.mkdir()
    return write_bundle(folder, run_dir, run, Wanted(formats or FILES, **wanted))


def drawn_bundle(folder: pathlib.Path, config: ModelConfig, schema: Schema, rows: Batch) -> np.ndarray:
    """Writes weights and StableHLO of a model with drawn parameters, and returns the logits of rows by the model."""
    form = 'einsum' if registry.model_class(config).HAS_FORMS else 'automatic'
    model, tables, variables = cases.made(config, form, schema=schema, rows=rows)
    weights = ExportedWeights(variables, tables, model.table_specs(config, schema), 'float32')
    folder.mkdir()
    tensors = write_weights(folder / WEIGHTS, weights)
    program = stablehlo.program(
        function_of(config, schema), weights.shapes, schema.num_slots, len(schema.numeric_fields)
    )
    (folder / FORMATS['stablehlo']).write_bytes(program)
    about = {'created_by': 'test', 'model': config.name, 'fingerprint': '', 'data_hash': '', 'unknown_values': ''}
    manifest = Manifest(
        **about,
        formats=STABLEHLO,
        precision='float32',
        step=0,
        slots=schema.num_slots,
        fields=(),
        raw_inputs=(),
        context=None,
        tensors=tensors,
        files={},
    )
    write_manifest(folder, manifest)
    return np.asarray(jax.jit(lambda v, t: cases.forward(model, t, v, rows))(variables, tables))


FRESH = """
import json, pathlib, sys
import numpy as np
from autoint_jax.bundle.manifest import verified
from autoint_jax.export import stablehlo

folder, found = pathlib.Path(sys.argv[1]), {}
for bundle in sorted(path for path in folder.iterdir() if path.is_dir()):
    rows = np.load(folder / f'{bundle.name}.npz')
    logits = stablehlo.load(bundle, verified(bundle))(rows['ids'], rows['numeric'])
    scale = np.maximum(1, np.abs(rows['logits']))
    found[bundle.name] = float((np.abs(logits - rows['logits']) / scale).max())
imported = [name for name in sys.modules if name.startswith(('flax', 'polars', 'autoint_jax.models'))]
print(json.dumps([found, imported]))
"""


def differences(folder: pathlib.Path, models: dict[str, tuple[ModelConfig, Schema, Batch]]) -> dict[str, float]:
    """Returns the largest difference of the logits of each model from those of its program in a process of its own,
    which imports neither the code of models nor Flax. Differences of logits above 1 are relative.
    """
    for name, (config, schema, rows) in models.items():
        logits = drawn_bundle(folder / name, config, schema, rows)
        assert logits.std() > 1e-3
        np.savez(folder / f'{name}.npz', ids=rows.ids, numeric=rows.numeric, logits=logits)
    done = subprocess.run([sys.executable, '-c', FRESH, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found, imported = json.loads(done.stdout.splitlines()[-1])
    assert imported == [] and set(found) == set(models)
    return found
