"""The manifest of prepared data: its keys, and the hash that names the data.

`manifest.json` describes the data: data set, recipe and its parameters, the rows and checksums of each split. The
data's hash is made of the manifest and the schema, without the keys in UNHASHED: they only describe how the data was
made.
"""

import hashlib
import json
from typing import Any

from autoint_jax.data.store.columns import DTYPES, SPLITS

FORMAT = 1
PREPARATION = 'preparation'  # the key for sources, counts of unknown values, checksums of samples, and notes
UNHASHED = ('hash', 'versions', PREPARATION)
# The form of the value of PREPARATION.
PREPARATION_FORM = {'samples': {split: dict.fromkeys(DTYPES, str) for split in SPLITS}, 'files_sha256': {str: str}}


def identity_of(manifest: dict[str, Any], schema: Any) -> str:
    """Returns the hash that names prepared data: SHA-256, in hexadecimal digits.

    Args:
      manifest: as it is stored.
      schema: as it is stored, JSON.
    """
    hashed = {key: value for key, value in manifest.items() if key not in UNHASHED}
    return hashlib.sha256(json.dumps([hashed, schema], sort_keys=True).encode()).hexdigest()
