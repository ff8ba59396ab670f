"""Publishes prepared data as a TensorFlow Dataset, for other JAX code; TensorFlow is not needed.

    python scripts/prepare_data.py --dataset=criteo --raw_dir=dac --recipe=bars
    python scripts/publish_tfds.py --dataset=criteo --recipe=bars

Other code reads it by `tfds.data_source('autoint_criteo/bars', split='train', download=False)`. The docstring of
autoint_jax/data/datasets/tfds_builder.py describes the examples, and how to build from raw files without the first
command. A data set that is already published is not published again.
"""

import pathlib

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command
from autoint_jax.data.datasets import registry
from autoint_jax.data.preparation.progress import PreparationBar
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.data.store.opening import OWN_TABLE
from autoint_jax.errors import UsageError, nearest

_NAMES = [*registry.DATASETS, OWN_TABLE]
_DATASET = flags.DEFINE_string('dataset', None, f'Data set: {", ".join(_NAMES)}; {OWN_TABLE} is a table of your own.')
_RECIPE = flags.DEFINE_string('recipe', None, "Recipe of the prepared data; by default the data set's first.")
_DATA_DIR = flags.DEFINE_string('data_dir', 'data/prepared', 'Folder of prepared data, DATA_DIR/DATASET/RECIPE.')
_TFDS_DIR = flags.DEFINE_string(
    'tfds_dir', None, 'Folder of TensorFlow Datasets; by default $TFDS_DATA_DIR or else ~/tensorflow_datasets.'
)


def main(argv: list[str]) -> None:
    dataset, recipe = _dataset_and_recipe()
    # Imported here, because it takes a second and the flags are checked first.
    from autoint_jax.data.datasets.tfds_builder import BUILDERS

    builder = BUILDERS[dataset](prepared_dir=_DATA_DIR.value, data_dir=_TFDS_DIR.value, config=recipe)
    if builder.data_path.exists():
        print(f'already published: {builder.data_dir}')
    else:
        with PreparationBar() as bar:
            builder.progress = bar
            builder.download_and_prepare()
        print(f'published {builder.data_dir}')
    for split in filter(builder.info.splits.__contains__, SPLITS):
        rows = builder.info.metadata['manifest']['splits'][split]['rows']
        print(f'{split:>10}: {rows:>11,} rows in {builder.info.splits[split].num_examples:,} blocks')


def _dataset_and_recipe() -> tuple[str, str]:
    """Returns the names in the flags. Raises UsageError if one is missing or unknown."""
    if _DATASET.value is None:
        there = sorted(pathlib.Path(_DATA_DIR.value).glob('*/*/manifest.json'))
        named = ', '.join(f'--dataset={path.parts[-3]} --recipe={path.parts[-2]}' for path in there)
        raise UsageError(
            f'say which prepared data: {named}'
            if there
            else f'say which prepared data: --dataset={"|".join(_NAMES)}; nothing is prepared in {_DATA_DIR.value}, '
            'and scripts/prepare_data.py prepares it'
        )
    if _DATASET.value not in _NAMES:
        raise UsageError(
            f'--dataset={_DATASET.value} is not one of {", ".join(_NAMES)}{nearest(str(_DATASET.value), _NAMES)}'
        )
    if _DATASET.value != OWN_TABLE:
        return _DATASET.value, registry.recipe_name(_DATASET.value, _RECIPE.value)
    if _RECIPE.value is None:
        raise UsageError(
            f'--dataset={OWN_TABLE} needs --recipe=NAME, the name of its declaration without the extension'
        )
    return OWN_TABLE, _RECIPE.value


if __name__ == '__main__':
    command.run(main)
