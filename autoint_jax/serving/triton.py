"""Writes a bundle as a model repository of the Triton Inference Server.

    python -m autoint_jax.serving.triton BUNDLE FOLDER

FOLDER gets a model for each ONNX program of the bundle: MODEL_raw takes raw values, MODEL_ids takes ids and numbers,
MODEL_request one context and many candidates. The weights stand beside each program. Triton gathers requests of the
first two into batches. These files follow Triton's documentation of model configurations; Triton itself was not run.
"""

import os
import pathlib
import shutil
import sys
from typing import NamedTuple

import onnxruntime

from autoint_jax.bundle.manifest import FORMATS, WEIGHTS, Manifest, verified
from autoint_jax.errors import UsageError, system_sentence
from autoint_jax.serving.scorer import session_of
from autoint_jax.terminal import shown
from autoint_jax.unfinished import unfinished

SUFFIXES = {'onnx_raw': 'raw', 'onnx': 'ids', 'onnx_request': 'request'}  # {name of a format: end of the model's name}
CONFIG, VERSION, PROGRAM = 'config.pbtxt', '1', 'model.onnx'
MAX_BATCH = 4096  # most rows that Triton gathers
QUEUE_MICROSECONDS = 500  # time for which a request waits for others
# {type as ONNX Runtime names it: type as Triton names it}
_TYPES = {
    'tensor(string)': 'TYPE_STRING',
    'tensor(double)': 'TYPE_FP64',
    'tensor(float)': 'TYPE_FP32',
    'tensor(int32)': 'TYPE_INT32',
    'tensor(int64)': 'TYPE_INT64',
}


class Port(NamedTuple):
    """An input or output of a program.

    Attributes:
      name: its name.
      kind: its type, as Triton names it.
      shape: its sizes; -1 stands for any.
    """

    name: str
    kind: str
    shape: tuple[int, ...]


def write_repository(bundle: pathlib.Path, folder: pathlib.Path) -> list[str]:
    """Writes a model repository, and returns the names of its models.

    Args:
      bundle: the folder of a bundle.
      folder: a folder that does not exist or is empty.

    Raises:
      UsageError: the bundle cannot be used or has no ONNX program, or the folder is not empty.
    """
    manifest = verified(bundle)
    formats = [name for name in SUFFIXES if name in manifest.formats]
    if not formats:
        raise UsageError(f'{bundle} has no ONNX program: export the run again with --formats=onnx')
    if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f'{folder} exists already and is not an empty folder: name another folder')
    names: list[str] = []
    with unfinished(folder) as scratch:
        for name in formats:
            model = f'{manifest.model}_{SUFFIXES[name]}'
            version = scratch / model / VERSION
            version.mkdir(parents=True)
            session = session_of(bundle / FORMATS[name])
            (scratch / model / CONFIG).write_text(config_text(model, manifest, session), encoding='utf-8')
            shutil.copyfile(bundle / FORMATS[name], version / PROGRAM)
            _copy_or_link(scratch / names[0] / VERSION / WEIGHTS if names else None, bundle, version)
            names.append(model)
        if folder.exists():
            folder.rmdir()
        os.rename(scratch, folder)
    return names


def _copy_or_link(first: pathlib.Path | None, bundle: pathlib.Path, version: pathlib.Path) -> None:
    """Puts the weights beside a program: a copy for the first model, then another name of that copy."""
    if first is not None:
        try:
            os.link(first, version / WEIGHTS)
            return
        except OSError:  # this file system has no other names
            pass
    shutil.copyfile(bundle / WEIGHTS, version / WEIGHTS)


def config_text(name: str, manifest: Manifest, session: onnxruntime.InferenceSession) -> str:
    """Returns the configuration of a model, as text of a protocol buffer.

    If all inputs have any number of rows, Triton gathers requests into batches, and shapes are those of one row.
    """
    inputs, outputs = _ports(session.get_inputs()), _ports(session.get_outputs())
    batched = all(port.shape[0] == -1 for port in inputs)
    said = f'{manifest.created_by}, bundle {manifest.sha256[:12]}'
    lines = [f'# Written by {said}.', f'name: {_quoted(name)}', 'backend: "onnxruntime"']
    lines.append(f'max_batch_size: {MAX_BATCH if batched else 0}')
    for what, ports in (('input', inputs), ('output', outputs)):
        for port in ports:
            lines += [f'{what} {{', f'  name: {_quoted(port.name)}', f'  data_type: {port.kind}']
            sizes = port.shape[1:] if batched else port.shape
            lines.append(f'  dims: [ {", ".join(map(str, sizes)) or 1} ]')
            if not sizes:  # Triton has no shape without sizes
                lines.append('  reshape { shape: [ ] }')
            lines.append('}')
    if batched:
        lines += ['dynamic_batching {', f'  max_queue_delay_microseconds: {QUEUE_MICROSECONDS}', '}']
    return '\n'.join([*lines, 'instance_group {', '  kind: KIND_CPU', '  count: 1', '}']) + '\n'


def _ports(found: list[onnxruntime.NodeArg]) -> list[Port]:
    return [
        Port(one.name, _TYPES[one.type], tuple(size if isinstance(size, int) else -1 for size in one.shape))
        for one in found
    ]


def _quoted(text: str) -> str:
    """Returns a text between quotes; all bytes but plain letters, digits and signs are written as numbers."""
    return (
        '"'
        + ''.join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f'\\{byte:03o}' for byte in text.encode())
        + '"'
    )


def main(arguments: list[str]) -> int:
    """Writes a repository as the command says, and returns its exit status."""
    if len(arguments) != 2 or arguments[0].startswith('-'):
        print('usage: python -m autoint_jax.serving.triton BUNDLE FOLDER', file=sys.stderr)
        return UsageError.status
    folder = pathlib.Path(arguments[1])
    try:
        names = write_repository(pathlib.Path(arguments[0]), folder)
    except UsageError as error:
        print(f'error: {shown(error)}', file=sys.stderr)
        return error.status
    except OSError as error:
        print(f'error: {shown(system_sentence(error))}', file=sys.stderr)
        return 1
    print(f'{shown(folder)}: {", ".join(names)}')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
