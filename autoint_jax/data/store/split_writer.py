"""Appends rows to the columns of a split, as `.npy` files that are memory-mapped later."""

import contextlib
import errno
import hashlib
import pathlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from autoint_jax.data.store.columns import DTYPES


class SplitWriter:
    """Writes `ids.npy`, `numeric.npy` and `labels.npy` of a new folder block by block.

    Used as a context manager; afterwards `record` holds what the manifest says of the split.
    """

    def __init__(self, folder: pathlib.Path, slots: int, numeric: int):
        folder.mkdir()
        self._paths = {name: folder / f'{name}.npy' for name in DTYPES}
        self._widths = {'ids': (slots,), 'numeric': (numeric,), 'labels': ()}
        self._sums = {name: hashlib.sha256() for name in DTYPES}
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
                with _writing(self._paths[name]):
                    file.close()

    def append(self, ids: np.ndarray, numeric: np.ndarray, labels: np.ndarray) -> None:
        """Adds rows: ids [n, slots], numeric [n, numeric], labels [n]."""
        for (name, dtype), values in zip(DTYPES.items(), (ids, numeric, labels), strict=True):
            data = np.ascontiguousarray(values, dtype).reshape(-1).view(np.uint8).data
            self._sums[name].update(data)
            with _writing(self._paths[name]):
                self._files[name].write(data)
        self._rows += len(labels)
        self._positives += int(np.count_nonzero(labels))

    def _write_headers(self) -> None:
        """NumPy leaves room in a header for any number of rows, so its length stays."""
        for name, dtype in DTYPES.items():
            with _writing(self._paths[name]):
                self._files[name].seek(0)
                np.lib.format.write_array_header_1_0(
                    self._files[name],
                    {
                        'descr': np.lib.format.dtype_to_descr(np.dtype(dtype)),
                        'fortran_order': False,
                        'shape': (self._rows, *self._widths[name]),
                    },
                )


@contextlib.contextmanager
def _writing(path: pathlib.Path) -> Iterator[None]:
    """Errors of writing name the file; a short write without a cause is a full disk."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno or errno.ENOSPC, error.strerror or 'no space left', str(path)) from error
