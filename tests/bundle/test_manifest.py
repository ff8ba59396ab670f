"""Manifests of bundles: every changed, missing, surplus or foreign file is refused in a sentence that names it."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from autoint_jax.bundle.manifest import MANIFEST, Field, Manifest, RawInput, read_manifest, verified, write_manifest
from autoint_jax.bundle.weights import write_weights
from autoint_jax.errors import UsageError


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / 'bundle'
    (folder / 'encoding').mkdir(parents=True)
    tensors = write_weights(folder / 'weights.bin', {'t': np.arange(12, dtype=np.float32).reshape(4, 3)})
    for name in ('model.stablehlo', 'encoding/schema.json', 'golden.json', 'README.md'):
        (folder / name).write_text(f'content of {name}')
    manifest = Manifest(
        created_by='autoint_jax 0.1.0',
        formats=('stablehlo',),
        model='fm',
        precision='float32',
        fingerprint='f',
        data_hash='d',
        step=7,
        slots=2,
        fields=(Field('user', 'categorical', 0, 1, 5), Field('age', 'numeric', 0, 1, 0)),
        raw_inputs=(RawInput('user', 'text'), RawInput('tags', 'texts', '|')),
        context=None,
        unknown_values='become id 0',
        tensors=tensors,
        files={},
    )
    write_manifest(folder, manifest)
    return folder


def rewritten(folder, change):
    """Changes the manifest and seals it again."""
    value = json.loads((folder / MANIFEST).read_text())
    change(value)
    value['sha256'] = '0' * 64
    text = json.dumps(value)
    seal = hashlib.sha256(text.encode()).hexdigest()
    (folder / MANIFEST).write_text(text.replace('0' * 64, seal))


def test_a_manifest_comes_back(bundle):
    manifest = verified(bundle)
    assert manifest == read_manifest(bundle)
    assert manifest.fields[1] == Field('age', 'numeric', 0, 1, 0) and manifest.numeric == ('age',)
    assert manifest.raw_inputs[1].separator == '|'
    assert manifest.context is None and manifest.tensors['t'].shape == (4, 3)
    content = (bundle / 'encoding' / 'schema.json').read_bytes()
    assert manifest.files['encoding/schema.json'].sha256 == hashlib.sha256(content).hexdigest()
    assert set(manifest.files) == {'weights.bin', 'model.stablehlo', 'encoding/schema.json', 'golden.json', 'README.md'}


def test_one_changed_byte_in_any_file_is_refused(bundle):
    for path in sorted(path for path in bundle.rglob('*') if path.is_file()):
        whole = path.read_bytes()
        for place in sorted({0, len(whole) // 2, len(whole) - 1}):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(UsageError, match=str(path)):
                verified(bundle)
        path.write_bytes(whole)
    verified(bundle)


def test_changed_bytes_of_the_manifest_are_refused(bundle):
    path = bundle / MANIFEST
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(UsageError, match=MANIFEST):
            read_manifest(bundle)


@pytest.mark.parametrize('name', ['../secret', '/etc/hostname', 'a/../../b', 'a//b', './a', 'c:/a', 'a\\..\\b', ''])
def test_a_path_out_of_the_bundle_is_refused(bundle, name):
    rewritten(bundle, lambda value: value['files'].update({name: {'sha256': 'x', 'bytes': 1}}))
    with pytest.raises(UsageError, match='not in the bundle'):
        verified(bundle)


def test_links_are_refused(bundle, tmp_path):
    target = tmp_path / 'outside'
    target.write_text('content of golden.json')
    (bundle / 'golden.json').unlink()
    (bundle / 'golden.json').symlink_to(target)
    with pytest.raises(UsageError, match='golden.json is a symbolic link'):
        verified(bundle)
    (bundle / 'golden.json').unlink()
    (bundle / 'golden.json').write_text('content of golden.json')
    verified(bundle)
    (bundle / 'encoding').rename(tmp_path / 'elsewhere')
    (bundle / 'encoding').symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(UsageError, match='encoding is a symbolic link'):
        verified(bundle)


def test_a_pipe_is_refused(bundle):
    os.mkfifo(bundle / 'pipe')
    with pytest.raises(UsageError, match='pipe is no ordinary file'):
        verified(bundle)


def test_a_later_version_is_refused(bundle):
    rewritten(bundle, lambda value: value.update(version=2))
    with pytest.raises(UsageError, match='version 2.*reads versions 1 to 1 only: use a newer version'):
        verified(bundle)


def test_missing_and_surplus_files_are_refused(bundle):
    (bundle / 'surplus.txt').write_text('x')
    with pytest.raises(UsageError, match='surplus.txt is not in the manifest'):
        verified(bundle)
    (bundle / 'surplus.txt').unlink()
    (bundle / 'encoding' / 'schema.json').unlink()
    with pytest.raises(UsageError, match='encoding/schema.json is missing'):
        verified(bundle)


def test_a_format_without_its_file_is_refused(bundle):
    rewritten(bundle, lambda value: value.update(formats=['stablehlo', 'onnx']))
    with pytest.raises(UsageError, match="no file 'model.onnx'"):
        verified(bundle)


def test_what_is_no_bundle_is_refused(bundle, tmp_path):
    with pytest.raises(UsageError, match='nothing does not exist: name a folder that scripts/export.py wrote'):
        verified(tmp_path / 'nothing')
    with pytest.raises(UsageError, match='is no bundle'):
        verified(tmp_path)
    with pytest.raises(UsageError, match='is no bundle'):
        verified(bundle / 'README.md')
    (bundle / MANIFEST).write_text('{"format": "other"}')
    with pytest.raises(UsageError, match='is not the manifest of a bundle'):
        verified(bundle)


def test_reading_a_bundle_imports_numpy_only(bundle):
    program = (
        'import sys, pathlib; from autoint_jax.bundle import manifest, weights; '
        'found = manifest.verified(pathlib.Path(sys.argv[1])); '
        'weights.read_weights(pathlib.Path(sys.argv[1]) / manifest.WEIGHTS, found.tensors); '
        "print(*({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, '-c', program, str(bundle)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {name for name in done.stdout.split() if name[0] != '_'} == {'autoint_jax', 'numpy'}
