"""Writes a trained run as a bundle: weights once, a program for each format, golden rows, a model card."""

import importlib.metadata
import pathlib
import shutil
from typing import NamedTuple

from autoint_jax import stored
from autoint_jax.bundle.golden import write_golden
from autoint_jax.bundle.manifest import (
    CARD,
    ENCODING,
    FORMATS,
    GOLDEN,
    MANIFEST,
    WEIGHTS,
    Field,
    Manifest,
    write_manifest,
)
from autoint_jax.bundle.weights import write_weights
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.data.datasets.row_plan import row_plan
from autoint_jax.data.preparation.origin import ORIGIN_KEY
from autoint_jax.data.store.manifest import PREPARATION
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.writing import SIDE_FILES
from autoint_jax.errors import UsageError, nearest
from autoint_jax.export import stablehlo
from autoint_jax.export.golden_rows import golden_rows
from autoint_jax.export.model_card import UNKNOWN_VALUES, model_card
from autoint_jax.export.raw_inputs import raw_inputs
from autoint_jax.export.scored_function import FLOAT32, function_of, scored_function
from autoint_jax.schema import NUMERIC, Schema
from autoint_jax.training.run_folder import contents
from autoint_jax.training.trained import TrainedRun


class Wanted(NamedTuple):
    """What a bundle shall hold.

    Attributes:
      formats: names of formats, of FORMATS.
      precision: of the tables.
      context: raw columns that the candidates of a request share; None if there are no requests.
      golden: a raw file whose first rows become golden rows; None for made rows.
    """

    formats: tuple[str, ...]
    precision: str = FLOAT32
    context: tuple[str, ...] | None = None
    golden: pathlib.Path | None = None


def write_bundle(folder: pathlib.Path, run_dir: pathlib.Path, run: TrainedRun, wanted: Wanted) -> Manifest:
    """Writes a trained run as a bundle.

    Args:
      folder: an empty folder.
      run_dir: the folder of the run.
      run: the run. Only its parameters, statistics and tables are read.
      wanted: what the bundle shall hold.

    Returns:
      The manifest.

    Raises:
      UsageError: raw rows cannot be encoded for the run, or what is wanted cannot be exported.
    """
    config, schema, plan = run.setup.config, run.setup.schema, row_plan(run.data)
    inputs = raw_inputs(plan)
    _check_context(wanted.context, [column.name for column in inputs])
    function, weights = scored_function(run, wanted.precision)
    tensors = write_weights(folder / WEIGHTS, weights)
    mapped = stablehlo.mapped_weights(folder, tensors)
    if stablehlo.STABLEHLO in wanted.formats:
        exported = stablehlo.program(function, weights.shapes, schema.num_slots, len(schema.numeric_fields))
        (folder / FORMATS[stablehlo.STABLEHLO]).write_bytes(exported)
    if set(wanted.formats) - {stablehlo.STABLEHLO}:
        from autoint_jax.export import onnx_programs  # needs an optional package

        # In float32 both forms give the same bits, and ONNX Runtime computes this one faster.
        form = 'heads' if config.model.compute_dtype == 'float32' else 'einsum'
        by_onnx = function_of(config.model, schema, wanted.precision, form)
        onnx_programs.write_programs(
            folder, wanted.formats, by_onnx, config.model, tensors, schema, plan, inputs, wanted.context or ()
        )
    _copy_encoding(run.data, folder / ENCODING)
    golden = golden_rows(run, function, mapped, wanted.golden)
    write_golden(folder, golden)
    manifest = Manifest(
        created_by=f'autoint_jax {importlib.metadata.version("autoint_jax")}',
        formats=wanted.formats,
        model=config.model.name,
        precision=wanted.precision,
        fingerprint=fingerprint(config),
        data_hash=run.data.hash,
        step=int(run.state.step),
        slots=schema.num_slots,
        fields=_fields(schema),
        raw_inputs=inputs,
        context=wanted.context,
        unknown_values=UNKNOWN_VALUES,
        tensors=tensors,
        files={},
        agreement=(
            f'The logits of each program differ from those of {GOLDEN} by at most {golden.tolerance:.1e} of the logit, '
            'or of 1 if the logit is smaller.'
        ),
    )
    card = model_card(manifest, config, contents.read_result(run_dir), run.data.description, schema.names)
    (folder / CARD).write_text(card, encoding='utf-8')
    return write_manifest(folder, manifest)


def _check_context(context: tuple[str, ...] | None, names: list[str]) -> None:
    """Raises UsageError if a column of the context is no raw column, or all are."""
    for name in context or ():
        if name not in names:
            raise UsageError(
                f'--context names {name!r}{nearest(name, names)}, which is no raw column of the run; it has: '
                f'{", ".join(names)}'
            )
    if context is not None and set(context) == set(names):
        raise UsageError('--context names all raw columns of the run, so candidates would not differ: leave some out')


def _copy_encoding(data: PreparedData, folder: pathlib.Path) -> None:
    """Copies the files that encode raw rows. Where raw files lay on this machine is left out of the manifest."""
    folder.mkdir()
    for name in SIDE_FILES:
        if (data.folder / name).exists():
            shutil.copyfile(data.folder / name, folder / name)
    preparation = {key: value for key, value in data.preparation.items() if key != ORIGIN_KEY}
    described = data.description | ({PREPARATION: preparation} if preparation else {})
    stored.write_json(folder / MANIFEST, described)


def _fields(schema: Schema) -> tuple[Field, ...]:
    """Returns the fields as the manifest describes them."""
    places = schema.slots | schema.numeric_columns
    return tuple(
        Field(
            field.name,
            field.kind,
            places[field.name].start,
            1 if field.kind == NUMERIC else field.max_values,
            field.cardinality,
        )
        for field in schema.fields
    )
