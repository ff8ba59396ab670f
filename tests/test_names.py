"""Names are no paths: what becomes a file or a folder is refused in a sentence where it could be anything else."""

import pytest

from autoint_jax.data.store.opening import folder_of, open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.names import LONGEST, checked_name

BAD = [
    '',
    '.',
    '..',
    '../x',
    'a/b',
    '/etc',
    'a\\b',
    'a\0b',
    'a\nb',
    'a\x1b[31m',
    '\u202eab',
    '-rf',
    '--x',
    '.hidden',
    '~root',
    ' a',
    'a ',
    'ä' * LONGEST,
    'x' * 100_000,
    '\udcff',
]


@pytest.mark.parametrize('name', BAD, ids=lambda name: repr(name[:20]))
def test_no_name(name):
    with pytest.raises(UsageError) as refused:
        checked_name(name, 'a sweep')
    said = str(refused.value)
    assert said.startswith('a sweep cannot be named') and said.isprintable() and len(said) < 500
    for folder in (
        lambda: folder_of('data', name, 'mine'),
        lambda: folder_of('data', 'csv', name),
        lambda: open_prepared('data', 'csv', name),
    ):
        with pytest.raises(UsageError, match='cannot be named|say which of your tables'):
            folder()


@pytest.mark.parametrize(
    'name', ['movielens_1m', 'lr0.001', 'mine (1)', 'données', 'テーブル', 'a-b+c,d=e', '2024', 'x' * LONGEST]
)
def test_a_name(name):
    assert checked_name(name, 'a sweep') == name
    assert folder_of('data', 'csv', name).name == name
