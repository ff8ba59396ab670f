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
