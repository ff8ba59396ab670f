"""Writes raw files with the columns of a published data set, of any size, with planted interactions to learn.

    python scripts/generate_data.py --dataset=criteo --rows=5000000 --raw_dir=/tmp/criteo
    python scripts/prepare_data.py --dataset=criteo --raw_dir=/tmp/criteo

`frappe_x1`, `criteo_x1` and `avazu_x1` are train.csv, valid.csv and test.csv, as BARS distributes them; their rows
together are ROWS, and are shared among the files as in the originals.

The files depend on the data set, the number of rows and the seed only. They are for tests and benchmarks: their values
have the long tails of the originals, but figures measured on them do not hold for the originals.
"""

import pathlib

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command
from autoint_jax.data.generated.shapes import FILES, SHAPES
from autoint_jax.errors import UsageError, nearest

_DATASET = flags.DEFINE_string('dataset', None, f'Data set whose shape the files have: {", ".join(SHAPES)}.')
_ROWS = flags.DEFINE_integer('rows', 1_000_000, 'Number of rows, of all files together, or of ratings.')
_RAW_DIR = flags.DEFINE_string('raw_dir', None, 'Folder of the files.')
_OVERWRITE = flags.DEFINE_boolean('overwrite', False, 'Replace files with the same names.')
_SEED = flags.DEFINE_integer('seed', 0, 'Seed of the generator.', lower_bound=0)


def main(argv: list[str]) -> None:
    if _DATASET.value is None:
        raise UsageError(
            f'say which shape the files should have: --dataset={"|".join(SHAPES)}, and where: --raw_dir=FOLDER'
        )
    if _DATASET.value not in SHAPES:
        raise UsageError(
            f'--dataset={_DATASET.value} is not one of {", ".join(SHAPES)}{nearest(str(_DATASET.value), list(SHAPES))}'
        )
    if _RAW_DIR.value is None:
        raise UsageError('say where to write the files: --raw_dir=FOLDER')
    if _ROWS.value < 1:
        raise UsageError(f'--rows={_ROWS.value} must be at least 1')
    there = [path for name in FILES[_DATASET.value] if (path := pathlib.Path(_RAW_DIR.value, name)).exists()]
    if there and not _OVERWRITE.value:
        raise UsageError(
            f'{there[0]} exists already, and may be the original: name another --raw_dir, or generate it again with '
            '--overwrite'
        )
    for path in SHAPES[_DATASET.value](pathlib.Path(_RAW_DIR.value), _ROWS.value, _SEED.value):
        print(f'wrote {path}, {path.stat().st_size:,} bytes')


if __name__ == '__main__':
    command.run(main)
