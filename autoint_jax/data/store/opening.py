"""Opens prepared data by the names of its data set and its recipe."""

import pathlib
from typing import Any

from autoint_jax import stored
from autoint_jax.data.store.manifest import FORMAT, PREPARATION, PREPARATION_FORM, identity_of
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.data.store.value_checks import AGAIN
from autoint_jax.errors import UsageError, nearest
from autoint_jax.names import checked_name
from autoint_jax.schema import Schema

OWN_TABLE = 'csv'  # the data set under which users' own tables are prepared
DOWNLOADED = 'movielens_100k'  # the only data set that preparation downloads
# Names of all data sets that can be prepared.
DATASETS = (DOWNLOADED, 'movielens_1m', 'criteo', 'avazu', 'kdd12', 'frappe_x1', 'criteo_x1', 'avazu_x1', OWN_TABLE)


class NotPrepared(UsageError):
    """The error that data is not prepared.

    Attributes:
      dataset: the name of the data set.
      recipe: the name of the recipe.
    """

    def __init__(self, sentence: str, dataset: str, recipe: str):
        super().__init__(sentence)
        self.dataset, self.recipe = dataset, recipe


def folder_of(data_dir: str | pathlib.Path, dataset: str, recipe: str) -> pathlib.Path:
    """Returns the folder DATA_DIR/DATASET/RECIPE. Raises UsageError if one of the two names cannot be a folder's."""
    return pathlib.Path(data_dir) / checked_name(dataset, 'a data set') / checked_name(recipe, 'a recipe')


def open_prepared(data_dir: str | pathlib.Path, dataset: str, recipe: str) -> PreparedData:
    """Opens prepared data.

    Args:
      data_dir: folder of all prepared data.
      dataset: its name; OWN_TABLE is a table of the user.
      recipe: name of the recipe; for OWN_TABLE, name of the declaration.

    Raises:
      NotPrepared: there is no such data; the sentence names the command that prepares it.
      UsageError: the data is damaged.
    """
    there = sorted(path.parent.name for path in pathlib.Path(data_dir, dataset).glob('*/manifest.json'))
    if dataset == OWN_TABLE and not recipe:
        prepared = ', '.join(there) or 'none; scripts/prepare_data.py --dataset=csv prepares one'
        raise UsageError(
            f'say which of your tables: --config.data.recipe=NAME, or data.recipe in the configuration, is the name '
            f'of its declaration; prepared in {data_dir}: {prepared}'
        )
    folder = folder_of(data_dir, dataset, recipe)
    if not (folder / 'manifest.json').exists():
        raise _missing(folder, data_dir, dataset, recipe, there)
    return open_folder(folder)


def open_extended(data_dir: str | pathlib.Path, dataset: str, name: str, folder: pathlib.Path) -> PreparedData:
    """Opens prepared data that new data shall extend, as --extend_from names it.

    Args:
      data_dir: folder of all prepared data.
      dataset: name of the data set of both.
      name: name of a recipe, or path of a folder of prepared data.
      folder: where the new data will be.

    Raises:
      UsageError: there is no such data, it is of another data set, or the new data would replace it.
    """
    named = pathlib.Path(name)
    if len(named.parts) == 1 and not (named / 'manifest.json').is_file():
        named = folder_of(data_dir, dataset, name)
    if not (named / 'manifest.json').is_file():
        raise UsageError(
            f'--extend_from={name} is no prepared data ({named} has no manifest.json): name a recipe that is prepared '
            f'in {pathlib.Path(data_dir, dataset)}, or a folder of prepared data'
        )
    if named.resolve() == folder.resolve():
        raise UsageError(
            f'--extend_from={name} names {folder}, which the new data would replace: name another --data_dir for the '
            'new data'
        )
    data = open_folder(named)
    if data.manifest.get('dataset') != dataset:
        raise UsageError(
            f'--extend_from={name} is data of {data.manifest.get("dataset")}, which data of {dataset} cannot extend: '
            'name data of the same data set'
        )
    return data


def open_folder(folder: pathlib.Path, *, mend: str = AGAIN) -> PreparedData:
    """Opens a folder with a manifest and a schema, after checking that they give the hash of the data.

    Args:
      folder: of the data.
      mend: what the user can do if a file is damaged, as the end of the sentence.

    Raises:
      UsageError: the data is damaged, or of another version.
    """
    manifest = stored.read_json(folder / 'manifest.json', {'format': int}, mend=mend)
    schema = stored.read_json(folder / 'schema.json', {'fields': list}, mend=mend)
    if manifest['format'] != FORMAT:
        raise UsageError(f'{folder} has format {manifest["format"]}, this version reads {FORMAT}: {mend}')
    if identity_of(manifest, schema) != manifest.get('hash'):
        raise UsageError(
            f'{folder / "schema.json"} or {folder / "manifest.json"} was changed or damaged after it was written '
            f'(they do not give the hash of the data): {mend}'
        )
    form: dict[str, Any] = PREPARATION_FORM if PREPARATION in manifest else {}
    stored.checked(manifest.get(PREPARATION, {}), form, str(folder / 'manifest.json'), mend=mend)
    with stored.of_form(folder / 'schema.json', mend=mend):
        return PreparedData(folder, Schema.from_json(schema), manifest, mend)


def _missing(
    folder: pathlib.Path, data_dir: str | pathlib.Path, dataset: str, recipe: str, there: list[str]
) -> UsageError:
    """The error for a folder without a manifest.

    Args:
      folder: of the data.
      data_dir: folder of all prepared data.
      dataset: name.
      recipe: name.
      there: names of the recipes of that data set that are prepared.
    """
    if (folder / 'schema.json').exists() or (folder / 'train').exists():
        return UsageError(f'{folder} is damaged (manifest.json is missing): {AGAIN}')
    if dataset == OWN_TABLE:
        how = f'--schema={pathlib.Path(recipe).stem}.yaml'
    else:
        how = f'--recipe={recipe}' if dataset == DOWNLOADED else f'--recipe={recipe} --raw_dir=FOLDER'
    prepared = sorted({path.parts[-3] for path in pathlib.Path(data_dir).glob('*/*/manifest.json')} - {dataset})
    meant = nearest(recipe, there)
    if dataset not in DATASETS and not there:
        meant = nearest(dataset, [*prepared, *DATASETS])
    if there and not meant:
        meant = f'; {dataset} is prepared with {", ".join(there)}'
    return NotPrepared(
        f'no prepared data at {folder} (manifest.json is missing){meant}: run '
        f'scripts/prepare_data.py --dataset={dataset} {how} --data_dir={data_dir}',
        dataset,
        recipe,
    )
