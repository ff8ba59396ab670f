"""The diagnosis: what it says of versions, operations and memory is so, and the command's exit status follows."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from check_cases import texts
from conftest import ROOT

from autoint_jax.config.configuration import Config, replace
from autoint_jax.diagnosis import hardware, operations, scatter, versions
from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check, lines
from autoint_jax.kernels import library
from autoint_jax.units import shown_bytes

pytestmark = pytest.mark.usefixtures('quick_compilation')


def test_pins_are_those_for_this_python(monkeypatch):
    for python, jax_version in (('3.11', '0.10.2'), ('3.12', '0.12.0.1'), ('3.13', '0.12.0.1')):
        monkeypatch.setattr(versions.platform, 'python_version_tuple', lambda python=python: (*python.split('.'), '4'))
        pinned = versions.pins(ROOT / 'requirements.txt')
        assert pinned['jax'] == pinned['jaxlib'] == jax_version and pinned['optax'] == '0.2.8'
        assert {'flax', 'numpy', 'orbax-checkpoint', 'absl-py', 'pytest'} <= set(pinned)


def test_requirements_with_extras_and_comments(tmp_path):
    path = tmp_path / 'requirements.txt'
    path.write_text('# a==1\njax[cuda12]==0.10.1\nb-c==2.0 # why\nd==3; python_version < "3.0"\ne>=4\n-e .\n')
    assert versions.pins(path) == {'jax': '0.10.1', 'jaxlib': '0.10.1', 'b-c': '2.0'}


def test_wrong_and_missing_versions_are_named(monkeypatch):
    real = versions.importlib.metadata.version
    unreal = {'flax': '0.10.4', 'optax': None, 'scikit-learn': None}

    def version(name):
        if name in unreal and unreal[name] is None:
            raise versions.importlib.metadata.PackageNotFoundError(name)
        return unreal.get(name) or real(name)

    monkeypatch.setattr(versions.importlib.metadata, 'version', version)
    pinned = versions.pins(ROOT / 'requirements.txt')
    found = versions.checks(pinned, versions.installed(list(pinned)), gpu=False)
    assert texts(found, BAD) == [f'optax is not installed: pip install "optax=={pinned["optax"]}"']
    assert f'flax 0.10.4 is installed, requirements.txt pins {pinned["flax"]}' in texts(found, NOTE)
    assert any(text.startswith('scikit-learn is not installed') for text in texts(found, NOTE))  # only tests use it


@pytest.mark.parametrize(
    'package, version, gpu, verdict, part',
    [
        ('jaxlib', '0.10.2', True, BAD, 'openxla/xla#46225'),
        ('jaxlib', '0.10.2', False, None, ''),
        ('jaxlib', '0.11.0', True, BAD, 'scatter-add'),
        ('jaxlib', '0.11.1', True, NOTE, 'jax-ml/jax#40633'),
        ('jaxlib', '0.10.1', True, None, ''),
        ('jaxlib', '0.12.0.1', True, None, ''),
        ('jax', '0.10.0', False, BAD, '0.10.1 or newer'),
        ('jax', '0.9.2', True, BAD, '0.10.1 or newer'),
        ('jax', '0.10.1', True, None, ''),
        ('python', '3.10.14', False, BAD, '3.11'),
        ('python', '3.11.0', False, None, ''),
        ('orbax-checkpoint', '1.0.0', False, BAD, 'below 1'),
        ('orbax-checkpoint', '0.12.8', False, None, ''),
    ],
)
def test_known_bad_combinations(package, version, gpu, verdict, part):
    found = versions.known_bad({package: version}, gpu=gpu)
    assert [check.verdict for check in found[:1]] == ([verdict] if verdict else [])
    assert all(f'{package} {version}: ' in check.text for check in found) and part in ' '.join(texts(found, verdict))


def test_versions_compare_by_release():
    assert versions.number('0.12.0.1') > versions.number('0.12') == versions.number('0.12.0') > versions.number('0.9.9')
    assert versions.number('0.10.2.dev20260101') == (0, 10, 2) and versions.number('1') == (1,)


def test_scatter_add_and_its_rival_give_the_same_sums():
    rng = np.random.default_rng(0)
    rows = rng.integers(0, scatter.TABLE_ROWS, 5003)
    gradients = rng.normal(size=(5003, 3))
    sums = np.zeros((scatter.TABLE_ROWS, 3))
    np.add.at(sums, rows, gradients)
    for function in (scatter.scatter_add, scatter.sorted_sum):
        ours = function(jnp.asarray(rows, jnp.int32), jnp.asarray(gradients, jnp.float32))
        np.testing.assert_allclose(ours, sums, rtol=0, atol=1e-4)


def test_scatter_add_is_bad_on_a_gpu_only():
    assert scatter.judged(21e-3, 1e-3, 'gpu').verdict == BAD and '21 times' in scatter.judged(21e-3, 1e-3, 'gpu').text
    assert scatter.judged(21e-3, 1e-3, 'cpu').verdict == NOTE
    assert scatter.judged(19e-3, 1e-3, 'gpu').verdict == OK


def test_operations_are_right_here_and_wrong_ones_are_found(optimized, monkeypatch):
    found = operations.checks()
    assert {check.verdict for check in found} <= {OK, NOTE} and len(found) >= 12
    monkeypatch.setattr(operations, 'attention_weights', lambda query, key, scale: jnp.full((3, 39, 39), jnp.nan))
    assert operations.compared('softmax', operations._softmax).verdict == BAD
    failed = operations.compared('loss', lambda: 1 / 0)
    assert failed == Check(BAD, 'loss: fails with ZeroDivisionError: division by zero')


def test_hardware_says_what_is_missing(tmp_path, monkeypatch):
    config = Config()
    assert not texts(hardware.device_checks(config), BAD)
    monkeypatch.setattr(library, 'unavailable', lambda: 'no C++ compiler was found')
    monkeypatch.setenv('XLA_FLAGS', '--made_up')
    noted = texts(hardware.device_checks(config), NOTE)
    assert any('no C++ compiler was found; without them' in text for text in noted)
    assert 'XLA_FLAGS=--made_up is set' in noted
    assert (
        "'cpu_kernel', but" in texts(hardware.device_checks(replace(config, {'execution.form': 'cpu_kernel'})), BAD)[0]
    )
    (tmp_path / 'file').touch()
    found = hardware.disk_checks({'runs': tmp_path / 'a' / 'b', 'compiled programs': tmp_path / 'file' / 'c'})
    assert found[0].verdict in (OK, NOTE) and found[1].verdict == BAD and 'cannot be written' in found[1].text


def test_bytes_for_a_person():
    assert [shown_bytes(count) for count in (0, 999, 1500, 384e6, 999.7e6, 23.9e9, 5e15)] == [
        '0 bytes',
        '999 bytes',
        '1.5 kB',
        '384 MB',
        '1000 MB',
        '23.9 GB',
        '5,000 TB',
    ]
    assert lines([Check(OK, 'a'), Check(BAD, 'b')]) == '  ok    a\n  bad   b'


def test_the_command_runs_and_plans_for_prepared_data(command, data_dir):
    done = command('scripts/doctor.py', '--config=movielens_1m_autoint', f'--data_dir={data_dir}')
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith('nothing is bad\n')
    for title in (
        'versions',
        'devices',
        'disk',
        'speed of scatter-add',
        'operations against NumPy',
        'prepared data',
        'memory plan',
    ):
        assert f'\n{title}\n' in '\n' + done.stdout
    (manifest,) = data_dir.rglob('manifest.json')
    rows = sum(counts['rows'] for counts in json.loads(manifest.read_text())['splits'].values())
    assert (
        f'{rows:,} rows x (' in done.stdout
        and f'{manifest.parent}: {rows:,} rows are as they were prepared' in done.stdout
    )


def test_a_plan_that_does_not_fit_ends_in_status_1(command):
    done = command('scripts/doctor.py', '--cardinalities=2000000000,5', '--rows=1000', '--config.optimizer.tables=adam')
    assert done.returncode == 1, done.stderr
    assert "does not fit; the largest item is state of the tables' optimizer" in done.stdout
    assert done.stdout.endswith('bad\n')


def test_no_device_is_bad(command, monkeypatch):
    monkeypatch.setenv('JAX_PLATFORMS', 'cuda')
    done = command('scripts/doctor.py')
    assert done.returncode == 1 and 'bad   JAX finds no device (JAX_PLATFORMS=cuda)' in done.stdout, done.stderr


@pytest.mark.parametrize(
    'arguments, part',
    [
        (['--rows=100'], '--rows needs --schema or --cardinalities'),
        (['--schema=a', '--cardinalities=5'], 'give one of them'),
    ],
)
def test_mistakes(command, arguments, part):
    done = command('scripts/doctor.py', *arguments)
    assert done.returncode == 2 and part in done.stderr and 'Traceback' not in done.stderr
