"""The data sets in whose shapes raw files can be generated.

Files can have any number of rows. The numbers of distinct values are those of the published files, so a generated file
of n rows has about as long a tail of rare values as n rows of the original. A file depends on its shape, number of rows
and seed only.
"""

import pathlib
from collections.abc import Callable

from autoint_jax.data.generated.avazu import avazu
from autoint_jax.data.generated.bars_tables import BARS_TABLES
from autoint_jax.data.generated.criteo import criteo
from autoint_jax.data.generated.kdd12 import kdd12
from autoint_jax.data.generated.movielens import movielens_1m

# {data set: function (folder, rows, seed) that writes the files and returns their paths}.
SHAPES: dict[str, Callable[[pathlib.Path, int, int], list[pathlib.Path]]] = {
    'criteo': criteo,
    'avazu': avazu,
    'kdd12': kdd12,
    'movielens_1m': movielens_1m,
    **BARS_TABLES,
}
# {data set: names of the files that are written}.
FILES = {
    'criteo': ('train.txt',),
    'avazu': ('train.csv',),
    'kdd12': ('training.txt', 'userid_profile.txt'),
    'movielens_1m': ('users.dat', 'movies.dat', 'ratings.dat'),
    **dict.fromkeys(BARS_TABLES, ('train.csv', 'valid.csv', 'test.csv')),
}
