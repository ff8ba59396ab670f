"""The model card of a bundle, README.md: what the model is, how good it is, and how programs load it."""

from collections.abc import Mapping, Sequence

from autoint_jax.bundle.manifest import CARD, ENCODING, FORMATS, GOLDEN, MANIFEST, WEIGHTS, Manifest
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.evaluation import metrics
from autoint_jax.training.run_folder.result import Result
from autoint_jax.units import shown_bytes

# {format: a program that scores with it in the folder of the bundle}
PROGRAMS = {
    'stablehlo': """\
import pathlib
from autoint_jax.bundle.golden import read_golden
from autoint_jax.bundle.manifest import verified
from autoint_jax.export import stablehlo

bundle = pathlib.Path('.')
scores = stablehlo.load(bundle, verified(bundle))
print(scores(*read_golden(bundle).encoded()))  # ids int32 [b, slots] and numbers float32 [b, numeric]
""",
    'onnx': """\
import pathlib
import onnxruntime
from autoint_jax.bundle.golden import read_golden

ids, numeric = read_golden(pathlib.Path('.')).encoded()  # int32 [b, slots] and float32 [b, numeric], NaN = missing
session = onnxruntime.InferenceSession('model.onnx')
print(session.run(['logits'], {'ids': ids, 'numeric': numeric})[0])
""",
    'onnx_raw': """\
import pathlib
from autoint_jax.bundle.golden import read_golden
from autoint_jax.serving.scorer import Scorer

rows = read_golden(pathlib.Path('.')).rows  # dictionaries: a raw value for each column, None = missing
print(Scorer('.').score(rows).logits)
""",
    'onnx_request': """\
import pathlib
from autoint_jax.bundle.golden import read_golden
from autoint_jax.bundle.manifest import verified
from autoint_jax.serving.scorer import Scorer

bundle = pathlib.Path('.')
shared = verified(bundle).context  # names of the columns that all candidates have in common
scorer = Scorer(bundle)
for row in read_golden(bundle).rows:  # a request with one candidate
    context = {column: row[column] for column in shared}
    candidate = {column: value for column, value in row.items() if column not in shared}
    print(scorer.score_request(context, [candidate]).logits)
""",
}
_ABOUT = {
    'stablehlo': 'takes ids and numbers; JAX runs it on CPUs, GPUs and TPUs',
    'onnx': 'takes ids and numbers; ONNX Runtime runs it',
    'onnx_raw': 'takes raw values, one input for each raw column; ONNX Runtime runs it',
    'onnx_request': 'takes raw values of one context and of many candidates; ONNX Runtime runs it',
}
UNKNOWN_VALUES = (
    'A value without an id of its own, because training rows did not have it or had it too rarely, becomes the unknown '
    'value of its field. A multivalued field leaves such values out. A missing number contributes nothing.'
)


def model_card(
    manifest: Manifest, config: Config, result: Result | None, description: Mapping[str, object], fields: Sequence[str]
) -> str:
    """Returns the model card of a bundle in Markdown.

    Args:
      manifest: of the bundle; its list of files may be incomplete.
      config: configuration of the run.
      result: the result of the run; None if the run is not complete.
      description: of the prepared data, as its manifest holds it.
      fields: names of the fields, in their order.
    """
    tables = sum(tensor.bytes for name, tensor in manifest.tensors.items() if name.startswith('tables/'))
    dense = sum(tensor.bytes for tensor in manifest.tensors.values()) - tables
    return '\n'.join(
        [
            f'# {manifest.model} for click-through rates',
            '',
            f'This folder is an exported model of {manifest.created_by}. It needs no file outside of it.',
            '',
            '## Intended use',
            '',
            'The model scores rows of the fields below: the probability of a positive label, such as a click. It is '
            'meant for rows that come from the same source as the training rows. It is not meant for decisions about '
            'people beyond the choice and order of items, and its scores are not checked for fairness. Its scores lose '
            'value as the source changes: measure them on labelled rows of each day.',
            '',
            f'Fields: {", ".join(fields)}.',
            '',
            '## Unknown and missing values',
            '',
            manifest.unknown_values,
            '',
            '## Training',
            '',
            f'- Data: {description.get("dataset")}, recipe {description.get("recipe")}, hash {manifest.data_hash}.',
            f'- Configuration: fingerprint {manifest.fingerprint}, seed {config.seed}, checkpoint of step '
            f'{manifest.step:,}.',
            *_figures(manifest, result),
            '',
            '| option | value |',
            '|---|---|',
            *_options(config),
            '',
            '## Files',
            '',
            f'- `{WEIGHTS}`: all weights, {shown_bytes(tables)} of tables in {manifest.precision} and '
            f'{shown_bytes(dense)} of other parameters; all programs take their weights from it.',
            *(f'- `{FORMATS[name]}`: {_ABOUT[name]}.' for name in manifest.formats),
            f'- `{ENCODING}/`: schema, vocabularies and fitted parameters, by which raw rows become ids and numbers.',
            f'- `{GOLDEN}`: raw rows and their logits. `python -m autoint_jax.export.check FOLDER` scores them by each '
            f'program. {manifest.agreement}',
            f'- `{MANIFEST}`: sizes and SHA-256 of all files, fields, tensors, raw columns.',
            f'- `{CARD}`: this page.',
            '',
            '## How to score',
            '',
            *(line for name in manifest.formats for line in _program(name)),
        ]
    )


def _figures(manifest: Manifest, result: Result | None) -> list[str]:
    """Returns lines about the metrics of the run."""
    if result is None:
        return ['- Metrics: unknown, because the run was not complete when it was exported.']
    about = '' if result.best_step == manifest.step else f' (of step {result.best_step:,}, not of this checkpoint)'
    return [
        f'- Metrics on the {split} split, by the run with seed {result.seed}{about}: '
        f'{metrics.line(metrics.in_order(figures), more_digits=2)}.'
        for split, figures in (('validation', result.valid), ('test', result.test))
    ]


def _options(config: Config) -> list[str]:
    """Returns rows of a table: the options that are not the default, but not how the run was computed."""
    return [
        f'| `{leaf.path}` | `{configuration.value(config, leaf.path)}` |'
        for leaf in configuration.leaves()
        if not leaf.path.startswith(('execution.', 'mesh.', 'replicas.'))
        and configuration.value(config, leaf.path) != leaf.default
    ]


def _program(name: str) -> list[str]:
    return [f'`{FORMATS[name]}`:', '', f'```python {name}', *PROGRAMS[name].splitlines(), '```', '']
