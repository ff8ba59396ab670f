"""Writes prepared data as the shards of a TensorFlow Dataset: the base of all builders in `tfds_builder.py`."""

import contextlib
import errno
import functools
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from autoint_jax.data.datasets import click_logs, download, movielens, registry
from autoint_jax.data.datasets.bars_tables import SplitRecipe
from autoint_jax.data.datasets.dataset import Recipe
from autoint_jax.data.preparation.progress import PreparationProgress, SilentPreparation
from autoint_jax.data.store.columns import SPLITS, Columns
from autoint_jax.data.store.opening import OWN_TABLE, open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.schema import NUMERIC

BLOCK_ROWS = 8192
SHARD_BLOCKS = 128  # a million rows a file
SIDE_FILES = ('vocabularies.json', 'plan.json')
FORMAT = 'array_record'

Block = dict[str, np.ndarray]
_DOCUMENTED = 'autoint_jax.data.datasets.tfds_builder'
_UNREGISTERED: dict[str, Any] = {'skip_registration': True}  # the base of builders is no builder itself


class PublishedBuilder(tfds.core.ShardBasedBuilder, **_UNREGISTERED):
    """The base of all builders in this module. Shards are written one after the other, in bounded memory.

    (The other base class of TFDS, GeneratorBasedBuilder, sorts a split in memory, and needs TensorFlow beyond 1 GB.)

    Attributes:
      dataset: name of the data set.
      progress: is told of the passes over the data.
    """

    VERSION = tfds.core.Version('1.0.0')
    RELEASE_NOTES: ClassVar = {'1.0.0': 'Blocks of 8,192 rows.'}
    dataset: ClassVar[str]
    progress: PreparationProgress = SilentPreparation()

    def __init__(
        self,
        *,
        prepared_dir: str | pathlib.Path | None = None,
        data_dir: str | pathlib.Path | None = None,
        config: str | tfds.core.BuilderConfig | None = None,
        version: str | None = None,
        file_format: str = FORMAT,
    ):
        """Checks the arguments.

        Args:
          prepared_dir: folder of prepared data (--data_dir of scripts/prepare_data.py), to publish that instead of raw
            files.
          data_dir: folder of all TensorFlow Datasets.
          config: a recipe; by default the data set's first.
          version: of the builder.
          file_format: must be ArrayRecord.

        Raises:
          UsageError: the format is another one, the recipe of a table is missing, or an earlier build was made from
            other data than that of `prepared_dir`.
        """
        if tfds.core.FileFormat.from_value(file_format) is not tfds.core.FileFormat.ARRAY_RECORD:
            raise UsageError(
                f'{self.name} cannot be stored as file_format={file_format!r}, only as {FORMAT!r}: other formats '
                'need TensorFlow or lose rows'
            )
        if self.dataset == OWN_TABLE and isinstance(config, str):
            config = tfds.core.BuilderConfig(name=config)
        if self.dataset == OWN_TABLE and config is None:
            raise UsageError(f'{self.name} needs the recipe of a table: {self.name}/RECIPE')
        self._prepared_dir = prepared_dir
        super().__init__(data_dir=data_dir, config=config, version=version, file_format=file_format)
        if (
            prepared_dir is not None
            and self.data_path.exists()
            and self.info.metadata['manifest']['hash'] != self._opened.hash
        ):
            raise UsageError(
                f'{self.data_dir} was built from other data than {self._opened.folder}: delete it to build it again'
            )

    @functools.cached_property
    def _opened(self) -> PreparedData:
        """The data in `prepared_dir`. Raises UsageError if none was given."""
        if self._prepared_dir is None:
            raise UsageError(f'{self.name} has no prepared_dir')
        return open_prepared(self._prepared_dir, self.dataset, self.builder_config.name)

    def _info(self) -> tfds.core.DatasetInfo:
        reference = registry.reference_of(self.dataset)
        return tfds.core.DatasetInfo(
            builder=self,
            description=f'{reference.description}\n\nAn example is a block of up to {BLOCK_ROWS:,} rows, encoded: '
            f'see {_DOCUMENTED}.',
            features=self._features(),
            homepage=reference.homepage,
            citation=reference.citation,
            license=reference.terms,
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(),
        )

    def _features(self) -> tfds.features.FeaturesDict | None:
        """The features by the prepared data, or by the recipe; None for a user's table, whose files tell them."""
        if self._prepared_dir is not None:
            schema = self._opened.schema
            widths, row_columns = (schema.num_slots, len(schema.numeric_fields)), schema.row_columns
        elif self.dataset == OWN_TABLE:
            return None
        else:
            widths, row_columns = _widths(registry.named(self.dataset).recipes[self.builder_config.name]), ()
        columns = {'ids': np.int32, 'numeric': np.float32}
        # An array without columns cannot be read from bytes, so it is left out.
        features = {
            name: _column((None, width), dtype)
            for (name, dtype), width in zip(columns.items(), widths, strict=True)
            if width
        }
        alone = dict.fromkeys(('labels', *row_columns), _column((None,), np.float32))
        return tfds.features.FeaturesDict({**features, **alone})

    def _download_and_prepare(
        self, dl_manager: tfds.download.DownloadManager, download_config: tfds.download.DownloadConfig | None = None
    ) -> None:
        with self._prepared(dl_manager, download_config or tfds.download.DownloadConfig()) as self._data:
            try:
                super()._download_and_prepare(dl_manager, download_config)
            except RuntimeError as error:  # ArrayRecord raises it for all failures of writing
                if os.strerror(errno.ENOSPC) not in str(error):
                    raise
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.data_dir) from error
            for path in filter(pathlib.Path.exists, (self._data.folder / name for name in SIDE_FILES)):
                shutil.copyfile(path, self.data_path / path.name)
            self.info.metadata.update(schema=self._data.schema.to_json(), manifest=self._data.description)

    @contextlib.contextmanager
    def _prepared(
        self, dl_manager: tfds.download.DownloadManager, download_config: tfds.download.DownloadConfig
    ) -> Iterator[PreparedData]:
        """Yields the data to publish. Data that is prepared from raw files first lies beside the records meanwhile."""
        if self._prepared_dir is not None:
            yield self._opened
            return
        raw_dir = self._raw_dir(dl_manager, download_config)
        with tempfile.TemporaryDirectory(prefix='prepared-', dir=self.data_path) as scratch:
            yield registry.prepare(
                self.dataset,
                self.builder_config.name,
                raw_dir,
                pathlib.Path(scratch),
                registry.Options(progress=self.progress),
            )

    def _raw_dir(
        self, dl_manager: tfds.download.DownloadManager, download_config: tfds.download.DownloadConfig
    ) -> pathlib.Path:
        if self.dataset == OWN_TABLE:
            raise UsageError(
                f'{self.name} publishes prepared data only: pass prepared_dir=FOLDER, filled by '
                f'scripts/prepare_data.py --dataset={OWN_TABLE}'
            )
        if self.dataset == 'movielens_100k' and download_config.manual_dir is None:
            return download.movielens_100k(pathlib.Path(dl_manager.download_dir) / self.dataset)
        try:
            return pathlib.Path(dl_manager.manual_dir)
        except AssertionError:  # the folder does not exist or is empty
            where = download_config.manual_dir or pathlib.Path(dl_manager.download_dir) / 'manual'
            raise UsageError(
                f'manual_dir={where} has no files, but {self.name} needs {self.MANUAL_DOWNLOAD_INSTRUCTIONS}'
            ) from None

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, Sequence[Callable[[], Iterator[tuple[int, Block]]]]]:
        splits = {name: self._data.split(name) for name in SPLITS}
        return {
            name: [
                functools.partial(self._shard, name, columns, start)
                for start in range(0, len(columns), BLOCK_ROWS * SHARD_BLOCKS)
            ]
            for name, columns in splits.items()
            if len(columns)
        }

    def _shard(self, split: str, columns: Columns, start: int) -> Iterator[tuple[int, Block]]:
        """Yields the blocks of a file, views of the memory maps, with the numbers of their first rows."""
        if start == 0:
            self.progress.begin(f'writing {split}', len(columns))
        for start in range(start, min(start + BLOCK_ROWS * SHARD_BLOCKS, len(columns)), BLOCK_ROWS):
            block = {name: getattr(columns, name)[start : start + BLOCK_ROWS] for name in self.info.features}
            yield start, block
            self.progress.advance(len(block['labels']), start + len(block['labels']))
        if start + BLOCK_ROWS >= len(columns):
            self.progress.end(len(columns))


def _column(shape: tuple[int | None, ...], dtype: type) -> tfds.features.Tensor:
    return tfds.features.Tensor(shape=shape, dtype=dtype, encoding=tfds.features.Encoding.BYTES)


def _widths(recipe: Recipe) -> tuple[int, int]:
    """The numbers of id slots and numeric columns, by a recipe alone. Fields of click logs have one slot each."""
    if isinstance(recipe, movielens.MovieLensRecipe):
        return 2 * recipe.ids + 5 + movielens.MAX_GENRES, 1
    if isinstance(recipe, (click_logs.TableRecipe, SplitRecipe)):
        numeric = sum(field.kind == NUMERIC for field in recipe.plan.fields)
        return len(recipe.plan.fields) - numeric, numeric
    raise TypeError(f'{recipe!r} is not a recipe of MovieLens, of a click log or of a table with a given split')
