"""Appends rows to the columns of a split, which are `.npy` files."""

import hashlib
import pathlib
from typing import Any, BinaryIO

import numpy as np

from autoint_jax.data.store.columns import dtypes
from autoint_jax.errors import writing
from autoint_jax.schema import Schema


class SplitWriter:
    """A writer of the columns of a split, such as `ids.npy`, in a new folder, block by block. It is a context manager.

    Attributes:
      record: the entry for the manifest, {rows, positives, NAME_sha256}; it is complete when the context has ended.
    """

    def __init__(self, folder: pathlib.Path, schema: Schema):
        """Makes `folder`, for rows of a schema."""
        folder.mkdir()
        self._dtypes = dtypes(schema)
        self._paths = {name: folder / f'{name}.npy' for name in self._dtypes}
        self._widths = {'ids': (schema.num_slots,), 'numeric': (len(schema.numeric_fields),)}
        self._sums = {name: hashlib.sha256() for name in self._dtypes}
        self._rows = self._positives = 0
        self.record: dict[str, Any] = {}

    def __enter__(self) -> 'SplitWriter':
        self._files: dict[str, BinaryIO] = {name: open(path, 'wb') for name, path in self._paths.items()}
        self._write_headers()
        return self

    def __exit__(self, error: object, *_: object) -> None:
        try:
            if error is None:
                self._write_headers()
                self.record = {
                    'rows': self._rows,
                    'positives': self._positives,
                    **{f'{name}_sha256': checksum.hexdigest() for name, checksum in self._sums.items()},
                }
        finally:
            for name, file in self._files.items():
                with writing(self._paths[name]):
                    file.close()

    def append(self, ids: np.ndarray, numeric: np.ndarray, labels: np.ndarray, *others: np.ndarray) -> None:
        """Adds rows: ids [n, slots], numeric [n, numeric], labels [n], and those of `Schema.row_columns`, [n] each.

        Raises OSError that names the file.
        """
        for (name, dtype), values in zip(self._dtypes.items(), (ids, numeric, labels, *others), strict=True):
            data = np.ascontiguousarray(values, dtype).reshape(-1).view(np.uint8).data
            self._sums[name].update(data)
            with writing(self._paths[name]):
                self._files[name].write(data)
        self._rows += len(labels)
        self._positives += int(np.count_nonzero(labels))

    def _write_headers(self) -> None:
        """Writes the header of each file.

        Its length stays when rows are added, as NumPy reserves space for any number of rows.
        """
        for name, dtype in self._dtypes.items():
            with writing(self._paths[name]):
                self._files[name].seek(0)
                np.lib.format.write_array_header_1_0(
                    self._files[name],
                    {
                        'descr': np.lib.format.dtype_to_descr(np.dtype(dtype)),
                        'fortran_order': False,
                        'shape': (self._rows, *self._widths.get(name, ())),
                    },
                )
