"""Data of a published data set is prepared already only if the same recipe and files would make it again."""

import os
import shutil

import pytest
from staleness_cases import forget, prepared_folder

from autoint_jax.data.datasets import registry
from autoint_jax.data.datasets.declaration.crosses import NO_CROSSES
from autoint_jax.data.generated import shapes
from autoint_jax.data.preparation import staleness
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError


@pytest.fixture
def folder(tmp_path):
    return prepared_folder(tmp_path)


def named(dataset, recipe, raw_dir, data_dir, *, verify=False):
    """Returns what is said if the data of a recipe is up to date. Raises UsageError if it is not."""
    said = []
    data = open_prepared(data_dir, dataset, recipe)
    staleness.check(
        data,
        staleness.Asked(registry.named(dataset).origin(recipe, NO_CROSSES), raw_dir, None, 0.001, verify),
        said.append,
    )
    return said


@pytest.mark.parametrize(
    'dataset, recipe, file',
    [
        ('kdd12', 'autoint', 'userid_profile.txt'),
        ('criteo', 'bars', 'train.txt'),
        ('movielens_1m', 'with_ids', 'users.dat'),
    ],
)
def test_recipes_of_this_project(dataset, recipe, file, raw_dir, tmp_path):
    folder = tmp_path / 'raw'
    if dataset == 'movielens_1m':
        shutil.copytree(raw_dir, folder)
    else:
        shapes.SHAPES[dataset](folder, 300, 5)
    registry.prepare(dataset, recipe, folder, tmp_path)
    assert named(dataset, recipe, folder, tmp_path) == named(dataset, recipe, None, tmp_path, verify=True) == []
    path = folder / file
    os.utime(path)
    assert named(dataset, recipe, None, tmp_path) == []
    content = path.read_bytes()
    path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    for given in (folder, None):
        with pytest.raises(UsageError, match=f'{file} has another content'):
            named(dataset, recipe, given, tmp_path)
    forget(tmp_path)
    with pytest.raises(UsageError, match=f'{file} has another content'):
        named(dataset, recipe, folder, tmp_path)
    assert 'cannot be told' in named(dataset, recipe, None, tmp_path)[0]
    shutil.rmtree(folder)
    assert 'cannot be told' in named(dataset, recipe, None, tmp_path)[0]


def test_another_recipe_under_the_same_name_is_named(tmp_path, monkeypatch):
    shapes.SHAPES['criteo'](tmp_path / 'raw', 300, 5)
    registry.prepare('criteo', 'bars', tmp_path / 'raw', tmp_path)
    recipes = registry.DATASETS['criteo'].recipes
    monkeypatch.setitem(recipes, 'bars', recipes['autoint'])
    with pytest.raises(UsageError, match='fields.I1.kind was "categorical" and is "numeric"'):
        named('criteo', 'bars', None, tmp_path)
