"""The README says what the records say."""

import re

from conftest import ROOT

from autoint_jax.sweeps import readme


def test_results_of_the_readme_come_from_the_records(monkeypatch):
    import pathlib

    monkeypatch.chdir(ROOT)
    text = (ROOT / 'README.md').read_text()
    assert readme.updated(text, readme.results_section(pathlib.Path('results'))) == text, (
        'run python scripts/update_readme.py')


def test_files_the_readme_names_exist():
    text = (ROOT / 'README.md').read_text()
    named = set(re.findall(r'\b(?:autoint_jax|experiments|scripts|results)/[\w/]*(?:\.\w+)?', text))
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_the_model_of_the_readme_works(monkeypatch):
    """The class shown is a model: registered, it gives logits of rows."""
    import flax.linen as nn
    import jax.numpy as jnp
    import model_cases

    from autoint_jax.model_config import ModelConfig
    from autoint_jax.models import registry
    from autoint_jax.models.contract import Model
    from autoint_jax.models.embedding import EMBEDDING_OPTIONS, FieldEmbedding

    code, = re.findall(r'```python\n(class .*?)```', (ROOT / 'README.md').read_text(), re.DOTALL)
    assert len(code.splitlines()) <= 10
    names = {'Model': Model, 'EMBEDDING_OPTIONS': EMBEDDING_OPTIONS, 'FieldEmbedding': FieldEmbedding,
             'nn': nn, 'jnp': jnp}
    exec(code, names)
    monkeypatch.setitem(registry.MODELS, 'bilinear', names['Bilinear'])
    model, tables, variables = model_cases.made(ModelConfig(name='bilinear', embedding_dim=3))
    assert model_cases.forward(model, tables, variables, model_cases.batch()).shape == (model_cases.ROWS,)
