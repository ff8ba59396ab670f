"""The README says what the records say."""

import pathlib
import re

import pytest
from conftest import ROOT
from sweep_cases import write_record

from autoint_jax.config import configuration
from autoint_jax.errors import UsageError
from autoint_jax.reproduction import readme

QUICK_START = configuration.load(ROOT / 'experiments' / 'configs' / f'{readme.QUICK_START}.toml')


def test_results_of_the_readme_come_from_the_records(monkeypatch):
    monkeypatch.chdir(ROOT)
    text = (ROOT / 'README.md').read_text()
    assert readme.updated(text, readme.results_section(pathlib.Path('results'), QUICK_START)) == text, (
        'run python scripts/update_readme.py'
    )


def test_the_quick_start_is_of_its_own_configuration(tmp_path):
    for config, auc in (
        (QUICK_START, 0.86),
        (configuration.replace(QUICK_START, {'seed': 1}), 0.88),
        (configuration.replace(QUICK_START, {'training.batch_size': 77}), 0.5),
    ):
        write_record(tmp_path, readme.QUICK_START, config, 'hash', auc)
    assert '(MovieLens-100k with ids, 2 seeds): AUC 0.8700 ± 0.0141, logloss' in readme.results_section(
        tmp_path, QUICK_START
    )


def test_a_readme_is_replaced_whole_or_not_at_all(tmp_path):
    path, text = tmp_path / 'README.md', f'before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n'
    path.write_text(text)
    (tmp_path / 'README.md.unfinished').symlink_to('/dev/full')
    with pytest.raises(OSError, match='No space left'):
        readme.update(path, 'new')
    assert path.read_text() == text
    (tmp_path / 'README.md.unfinished').unlink()
    readme.update(path, 'new')
    assert path.read_text() == text.replace('old', 'new') and list(tmp_path.iterdir()) == [path]
    for markers in ('', readme.BEGIN, f'{readme.END} {readme.BEGIN}', f'{readme.BEGIN} {readme.END} {readme.BEGIN}'):
        with pytest.raises(UsageError, match='results:begin'):
            readme.updated(markers, 'new')


def test_files_the_readme_names_exist():
    text = (ROOT / 'README.md').read_text()
    named = set(re.findall(r'\b(?:autoint_jax|experiments|scripts|results)/[\w/]*(?:\.\w+)?', text))
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_the_model_of_the_readme_works(monkeypatch):
    """The class shown is a model: registered, it gives logits of rows."""
    import flax.linen as nn
    import jax.numpy as jnp
    import model_cases

    from autoint_jax.config.model_config import ModelConfig
    from autoint_jax.models import registry
    from autoint_jax.models.contract import Model
    from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding

    (code,) = re.findall(r'```python\n(class .*?)```', (ROOT / 'README.md').read_text(), re.DOTALL)
    assert len(code.splitlines()) <= 10
    names = {
        'Model': Model,
        'EMBEDDING_OPTIONS': EMBEDDING_OPTIONS,
        'FieldEmbedding': FieldEmbedding,
        'nn': nn,
        'jnp': jnp,
    }
    exec(code, names)
    monkeypatch.setitem(registry.MODELS, 'bilinear', names['Bilinear'])
    model, tables, variables = model_cases.made(ModelConfig(name='bilinear', embedding_dim=3))
    assert model_cases.forward(model, tables, variables, model_cases.batch()).shape == (model_cases.ROWS,)
