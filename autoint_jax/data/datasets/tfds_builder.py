"""Prepared data as TensorFlow Datasets, for other JAX code: ArrayRecord files, no TensorFlow.

Importing this module registers the builders `autoint_movielens_100k`, `autoint_movielens_1m`, `autoint_criteo`,
`autoint_avazu`, `autoint_kdd12`, `autoint_frappe_x1`, `autoint_criteo_x1`, `autoint_avazu_x1` and, for tables of your
own, `autoint_csv`. Their configs are the recipes; their splits are train, valid and test. They are built from prepared
data, or from raw files in `manual_dir`, which are prepared first:

    import tensorflow_datasets as tfds
    import autoint_jax.data.datasets.tfds_builder
    tfds.builder('autoint_criteo/bars', data_dir=FOLDER, prepared_dir='data/prepared').download_and_prepare()
    raw_files = tfds.download.DownloadConfig(manual_dir='dac')
    tfds.builder('autoint_criteo/bars', data_dir=FOLDER).download_and_prepare(download_config=raw_files)
    blocks = tfds.data_source('autoint_criteo/bars', split='train', data_dir=FOLDER, download=False)

Programs that read a finished build need not import this module.

An example is a block of 8,192 rows; the last one of a split may be shorter. Blocks and rows keep the source's order:

    ids      int32   [rows, slots]    ids within their field; 0 = unknown (categorical) or padding (multivalued)
    numeric  float32 [rows, numeric]  transformed values; NaN = missing
    labels   float32 [rows]           0 or 1

A table of your own may also have `row_weights` and `soft_labels`, float32 [rows].
`ids` or `numeric` is absent if there are no such fields, and a split if it has no rows. `builder.info` counts blocks,
not rows. Its `metadata` has `schema`, which `autoint_jax.schema.Schema.from_json` reads (names, kinds, cardinalities),
and `manifest` (rows and positives of each split, recipe, checksums, hash). Beside the records lie `vocabularies.json`
(field -> values in the order of their ids, from 1 on) and, for tables, `plan.json` (how raw rows are encoded).

This gives batches of 1,024 rows, with blocks and their rows in random order; the last batch of a block may be smaller:

    for epoch in range(epochs):
        for number, block in enumerate(grain.MapDataset.source(blocks).seed(epoch).shuffle()):
            order = np.random.default_rng((epoch, number)).permutation(len(block['labels']))
            for start in range(0, len(order), 1024):
                batch = {name: column[order[start:start + 1024]] for name, column in block.items()}

A build that exists is not built again. It appears by one rename when it is complete. A killed process leaves a folder
named `incomplete.*`, which is never read and can be deleted.
"""

import tensorflow_datasets as tfds

from autoint_jax.data.datasets import registry
from autoint_jax.data.datasets.tfds_shards import PublishedBuilder
from autoint_jax.data.store.opening import OWN_TABLE


def _builder(dataset: str) -> type[PublishedBuilder]:
    """The builder of a data set of the registry, which TFDS finds by its name once the class is made."""
    found = registry.named(dataset)
    configs = [
        tfds.core.BuilderConfig(name=name, description=recipe.description) for name, recipe in found.recipes.items()
    ]
    of_class = {
        '__doc__': f'Builder of {dataset}.',
        '__module__': __name__,
        'name': f'autoint_{dataset}',
        'dataset': dataset,
        'BUILDER_CONFIGS': configs,
        'MANUAL_DOWNLOAD_INSTRUCTIONS': f'{found.reference.files} of {found.reference.homepage}, which its terms ask '
        'you to download yourself',
    }
    return type(''.join(word.capitalize() for word in dataset.split('_')), (PublishedBuilder,), of_class)


class OwnTable(PublishedBuilder):
    """A table of the user, under any recipe, from prepared data only."""

    name = f'autoint_{OWN_TABLE}'
    dataset = OWN_TABLE


BUILDERS: dict[str, type[PublishedBuilder]] = {
    **{dataset: _builder(dataset) for dataset in registry.DATASETS},
    OWN_TABLE: OwnTable,
}
