"""Cells of text files as arrays of characters, so that many rows are written without a loop over them.

The cells of a column are an array uint8 [n, width]. A character that a shorter cell lacks is 0, and all zeros are
dropped when `lines` joins the columns.
"""

from collections.abc import Sequence

import numpy as np

_HEXADECIMAL = np.frombuffer(''.join(f'{value:04x}' for value in range(1 << 16)).encode(), np.uint8).reshape(-1, 4)


def digits(values: np.ndarray) -> np.ndarray:
    """Integers [n] -> cells of decimal digits, uint8 [n, width]; negative numbers have a sign."""
    values = np.asarray(values)
    signed = values.dtype.kind == 'i' and bool((values < 0).any())
    rest = np.abs(values).astype(np.uint64)
    width = len(str(int(rest.max(initial=0))))
    cells = np.zeros((len(values), width + signed), np.uint8)
    for place in range(cells.shape[1] - 1, signed - 1, -1):
        rest, digit = np.divmod(rest, np.uint64(10))
        cells[:, place] = digit + 48
        if not rest.any():
            break
    present = np.abs(values).astype(np.uint64)[:, None] >= np.array(
        [10 ** (width - 1 - place) if place < width - 1 else 0 for place in range(width)], np.uint64
    )
    cells[:, signed:] *= present
    if signed:
        cells[:, 0] = np.where(values < 0, ord('-'), 0)
    return cells


def fractions(values: np.ndarray) -> np.ndarray:
    """Numbers from 0 to 1 [n] -> cells with six decimal places, such as `0.250000`, uint8 [n, 8]."""
    whole = digits(np.rint(np.asarray(values) * 1e6).astype(np.int64) + 10_000_000)  # 1, then the seven digits
    return np.insert(whole[:, 1:], 1, ord('.'), axis=1)


def hexadecimal(values: np.ndarray) -> np.ndarray:
    """Values uint32 [n] -> cells of eight hexadecimal digits, uint8 [n, 8]."""
    values = np.asarray(values, np.uint32)
    return np.concatenate([_HEXADECIMAL[values >> 16], _HEXADECIMAL[values & 0xFFFF]], 1)


def words(values: Sequence[str], numbers: np.ndarray) -> np.ndarray:
    """Cells `values[numbers]`, encoded as Latin-1: numbers [n] -> uint8 [n, width]."""
    width = max(len(value) for value in values)
    table = np.array([value.encode('latin-1').ljust(width, b'\0') for value in values], f'S{width}')
    return (
        table[numbers].view(np.uint8).reshape(len(numbers), width) if width else np.zeros((len(numbers), 0), np.uint8)
    )


def blanked(cells: np.ndarray, blank: np.ndarray) -> np.ndarray:
    """Cells [n, width] -> the same cells, but empty where `blank`, bool [n], is true."""
    return cells * ~blank[:, None]


def lines(columns: Sequence[np.ndarray], separator: str) -> bytes:
    """Cells of every column -> the lines of a file; each ends with a newline."""
    rows = len(columns[0])
    width = sum(cells.shape[1] for cells in columns) + len(columns) * len(separator)
    text = np.zeros((rows, width), np.uint8)
    place = 0
    for number, cells in enumerate(columns):
        text[:, place : place + cells.shape[1]] = cells
        place += cells.shape[1]
        ending = separator if number < len(columns) - 1 else '\n'
        text[:, place : place + len(ending)] = np.frombuffer(ending.encode(), np.uint8)
        place += len(ending)
    flat = text.ravel()
    return flat[flat != 0].tobytes()
