"""Exports a trained run as a bundle: a folder that other programs score with.

    python scripts/export.py --run_dir=RUN_DIR --out=bundle
    python scripts/export.py --run_dir=RUN_DIR --out=bundle --tables=int8 --overwrite
    python scripts/export.py --run_dir=RUN_DIR --out=bundle --onnx_inputs=raw --context=user,city
    python -m autoint_jax.export.check bundle

The bundle has the weights once, the model as a program of each format, the vocabularies, sixteen golden rows with their
scores, a manifest with the SHA-256 of every file, and a model card. At the end the golden rows are scored by each
program in a process of its own, and a bundle of which a program fails is not kept.
"""

from autoint_jax import interruptions

interruptions.handle()

import compilation_flags
import run_flags
from absl import flags

from autoint_jax import command
from autoint_jax.errors import UsageError

FORMATS, INPUTS = ('stablehlo', 'onnx'), ('ids', 'raw')
TABLES = ('float32', 'bfloat16', 'int8')

_OUT = flags.DEFINE_string('out', None, 'Folder for the bundle; it must not exist, or hold a bundle with --overwrite.')
_OVERWRITE = flags.DEFINE_bool('overwrite', False, 'Replace the bundle in the folder of --out.')
_FORMATS = flags.DEFINE_list('formats', list(FORMATS), f'Formats of the model, of {", ".join(FORMATS)}.')
_ONNX_INPUTS = flags.DEFINE_list(
    'onnx_inputs',
    ['ids'],
    'What ONNX programs take: "ids", "raw", or "ids,raw". There is always one of ids. With "raw" there is a second '
    'one, which takes raw values: vocabularies and transforms are in the graph.',
)
_CONTEXT = flags.DEFINE_list(
    'context',
    None,
    'Raw columns that all candidates of a request share. They make a third ONNX program, for one context and many '
    'candidates; it needs --onnx_inputs=raw.',
)
_TABLES = flags.DEFINE_enum(
    'tables',
    'float32',
    TABLES,
    'Precision of the tables. int8 has a scale for each row; a table with one value a row stays in float32.',
)
_GOLDEN = flags.DEFINE_string(
    'golden',
    None,
    'Raw file whose first sixteen rows become the golden rows; by default rows are made from the vocabularies, so that '
    'the bundle holds no row of the data.',
)
_CHECK = flags.DEFINE_bool('check', True, 'Score the golden rows by each program before the bundle is kept.')
_DATA_DIR = flags.DEFINE_string(
    'data_dir', 'data/prepared', 'Folder of prepared data; only runs of earlier versions need it.'
)
flags.adopt_module_key_flags(compilation_flags)
flags.adopt_module_key_flags(run_flags)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import pathlib
import subprocess
import sys

from autoint_jax.export.exported_bundle import Wanted, write_bundle
from autoint_jax.export.writing import bundle_folder, check_out
from autoint_jax.terminal import shown
from autoint_jax.training.trained import open_scorer
from autoint_jax.units import shown_bytes


def main(argv: list[str]) -> None:
    run_dir = run_flags.run_dir()
    if _OUT.value is None:
        raise UsageError('say where the bundle shall be: --out=FOLDER')
    out, golden = pathlib.Path(_OUT.value), None if _GOLDEN.value is None else pathlib.Path(_GOLDEN.value)
    context = tuple(dict.fromkeys(_CONTEXT.value or ())) or None
    wanted = Wanted(_formats(), _TABLES.value, context, golden)
    check_out(out, overwrite=_OVERWRITE.value)
    compilation_flags.start_cache()
    run = open_scorer(run_dir, _DATA_DIR.value, run_flags.STEP.value)
    run = run._replace(state=run.state._replace(optimizer=None, slots={}))  # which take more memory than the tables
    with bundle_folder(out, overwrite=_OVERWRITE.value) as folder:
        manifest = write_bundle(folder, run_dir, run, wanted)
        if _CHECK.value:
            _check(folder)
    size = sum(file.bytes for file in manifest.files.values())
    print(shown(f'{out}: {shown_bytes(size)}, tables in {manifest.precision}, formats {", ".join(manifest.formats)}'))


def _formats() -> tuple[str, ...]:
    """Returns the formats of --formats. Raises UsageError if there is none, or an unknown one."""
    for name in _FORMATS.value:
        if name not in FORMATS:
            raise UsageError(f'--formats={name} is unknown: give one or several of {", ".join(FORMATS)}')
    if not _FORMATS.value:
        raise UsageError(f'--formats names no format: give one or several of {", ".join(FORMATS)}')
    formats = list(dict.fromkeys(_FORMATS.value))
    for name in _ONNX_INPUTS.value or ['']:
        if name not in INPUTS:
            raise UsageError(f'--onnx_inputs={name} is unknown: give one or both of {", ".join(INPUTS)}')
    raw = 'raw' in _ONNX_INPUTS.value
    if _CONTEXT.value and not raw:
        raise UsageError('--context is for programs that take raw values: give --onnx_inputs=raw, too')
    if raw and 'onnx' not in formats:
        raise UsageError(f'--onnx_inputs=raw is for ONNX, but --formats={",".join(formats)} has no onnx: add it')
    return (*formats, *(['onnx_raw'] if raw else []), *(['onnx_request'] if _CONTEXT.value else []))


def _check(folder: pathlib.Path) -> None:
    """Checks a bundle in a process of its own. Raises UsageError if a program fails."""
    command = [sys.executable, '-m', 'autoint_jax.export.check', str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    print(shown(done.stdout.strip().replace('\n', '; ')) if done.returncode else done.stdout, end='')
    if done.returncode:
        raise UsageError(
            f'the bundle is not kept, because its check failed ({(done.stderr or done.stdout).strip()}): pass '
            '--nocheck to keep it and look at it'
        )


if __name__ == '__main__':
    command.run(main)
