"""Writing of generated files, a block of rows at a time."""

import pathlib
from collections.abc import Callable, Iterator

import numpy as np

from autoint_jax.stored import replacing

BLOCK_ROWS = 100_000


def blocks(rows: int, seed: int, make: Callable[[np.random.Generator, int, int], bytes]) -> Iterator[bytes]:
    """Yields the text of a file, block by block. Each block has a random generator of its own.

    Args:
      rows: of the file.
      seed: of the file.
      make: (random generator, number of rows, number of the first row) -> the lines of a block.
    """
    for number, start in enumerate(range(0, rows, BLOCK_ROWS)):
        yield make(np.random.default_rng((seed, number)), min(BLOCK_ROWS, rows - start), start)


def written(path: pathlib.Path, blocks: Iterator[bytes], header: str = '') -> pathlib.Path:
    """Writes a file under another name, renames it when it is complete, and returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as scratch, open(scratch, 'wb') as file:
        file.write(header.encode())
        for block in blocks:
            file.write(block)
    return path
