"""Turns the raw files of a data set into prepared columns that training reads from memory maps.

    python scripts/prepare_data.py --dataset=movielens_100k                      (downloads it, checksum verified)
    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=ml-1m        (the authors' recipe)
    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=ml-1m --recipe=with_ids

Prints rows, fields and features beside the paper's Table 1 where the paper has them. Data that is already prepared is
left alone unless --overwrite is given.
"""

import pathlib

from absl import app, flags

from autoint_jax.data import download, registry
from autoint_jax.data.prepared import SPLITS, folder_of, open_prepared
from autoint_jax.errors import UsageError, reported

_DATASET = flags.DEFINE_string('dataset', None, f'Data set: {", ".join(registry.DATASETS)}.')
_RECIPE = flags.DEFINE_string('recipe', None, 'How to encode it; by default the first of: ' + '. '.join(
    f'{name} has ' + ', '.join(f'{recipe} ({how.description})' for recipe, how in dataset.recipes.items())
    for name, dataset in registry.DATASETS.items()))
_RAW_DIR = flags.DEFINE_string('raw_dir', None, 'Folder of the raw files. Only movielens_100k can be downloaded without.')
_DATA_DIR = flags.DEFINE_string('data_dir', 'data/prepared', 'Folder of prepared data; filled as DATA_DIR/DATASET/RECIPE.')
_OVERWRITE = flags.DEFINE_boolean('overwrite', False, 'Prepare again what is already prepared.')


def main(argv: list[str]) -> None:
    if _DATASET.value is None:
        raise UsageError(f'say which data set: --dataset={"|".join(registry.DATASETS)}')
    dataset, data_dir = _DATASET.value, pathlib.Path(_DATA_DIR.value)
    recipe = registry.recipe_name(dataset, _RECIPE.value)
    folder = folder_of(data_dir, dataset, recipe)
    if (folder / 'manifest.json').exists() and not _OVERWRITE.value:
        data = open_prepared(data_dir, dataset, recipe)
        print(f'already prepared: {folder} (--overwrite prepares it again)')
    else:
        data = registry.prepare(dataset, recipe, _raw_dir(dataset), data_dir)
        print(f'prepared {folder}')
    published = registry.named(dataset).published
    compared = registry.named(dataset).published_recipe == recipe
    for figure, value in registry.figures(data).items():
        print(f'{figure:>10}: {value:>9,}' + (f'   paper, Table 1: {published[figure]:>9,}' if compared else ''))
    for split in SPLITS:
        counts = data.manifest['splits'][split]
        print(f'{split:>10}: {counts["rows"]:>9,} rows, {counts["positives"] / max(counts["rows"], 1):.2%} positive')


def _raw_dir(dataset: str) -> pathlib.Path:
    if _RAW_DIR.value is not None:
        folder = pathlib.Path(_RAW_DIR.value)
        if not folder.is_dir():
            raise UsageError(f'--raw_dir={folder} is not a folder')
        return folder
    if dataset != 'movielens_100k':
        raise UsageError(f'{dataset} is not downloaded: its licence asks you to fetch it yourself; '
                         f'pass --raw_dir=FOLDER with its unpacked files')
    print('obtaining MovieLens-100k')
    return download.movielens_100k(pathlib.Path('data/raw/movielens_100k'))


if __name__ == '__main__':
    app.run(reported(main))
