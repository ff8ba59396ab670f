"""Golden rows of a bundle: a few raw rows and their logits by the run, with which every program is compared.

Two logits are kept of each row: that of the run, and that of the exported function. They differ if tables have been
exported in half or a quarter of their size; a program must give the second.
"""

import dataclasses
import json
import math
import pathlib
from typing import Any, ClassVar

import numpy as np

from autoint_jax import stored
from autoint_jax.bundle.manifest import GOLDEN, MEND
from autoint_jax.stored_records import read_record, to_json


@dataclasses.dataclass(frozen=True)
class Golden:
    """The golden rows of a bundle.

    Attributes:
      rows: the raw values of each row by column; a missing value is None.
      ids: int32 [b, slots].
      numeric: float32 [b, numeric]; a missing number is None.
      logits: the logits by the run, float32 [b].
      exported_logits: the logits by the exported function, float32 [b].
      tolerance: how much of each of `exported_logits`, or of 1 if that is more, a program may differ from it.
      version: of this record.
    """

    VERSION: ClassVar[int] = 1

    rows: tuple[dict[str, Any], ...]
    ids: tuple[tuple[int, ...], ...]
    numeric: tuple[tuple[float | None, ...], ...]
    logits: tuple[float, ...]
    exported_logits: tuple[float, ...]
    tolerance: float
    version: int = 1

    def encoded(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns ids int32 [b, slots] and numbers float32 [b, numeric], NaN = missing."""
        b = len(self.rows)
        numeric = [[math.nan if number is None else number for number in row] for row in self.numeric]
        return np.array(self.ids, np.int32).reshape(b, -1), np.array(numeric, np.float32).reshape(b, -1)


def read_golden(folder: pathlib.Path) -> Golden:
    """Reads the golden rows of a bundle. Raises UsageError if the file has another form."""
    return read_record(folder / GOLDEN, Golden, mend=MEND)


def write_golden(folder: pathlib.Path, golden: Golden) -> None:
    """Writes the golden rows of a bundle."""
    value = to_json(golden)
    lines = [f' {json.dumps(key)}: {_shown(content)}' for key, content in value.items()]
    stored.write_text(folder / GOLDEN, '{\n' + ',\n'.join(lines) + '\n}\n')


def _shown(content: Any) -> str:
    """Returns JSON with each row on a line of its own."""
    if not isinstance(content, list):
        return json.dumps(content)
    return '[\n  ' + ',\n  '.join(json.dumps(row, ensure_ascii=False) for row in content) + '\n ]'
