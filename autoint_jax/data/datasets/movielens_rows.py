"""Rows of MovieLens as a table: how a recipe encodes one, and the table that joins users, movies and ratings.

The table has a row for each rating, and these columns. `Rating` is the label, and may be missing.

    UserID, MovieID    the ids of the two files, as text
    Gender, Zipcode    of the user, as text
    Age                of the user, in years or as the lower end of MovieLens-1M's age group
    Occupation         of the user: its number in MovieLens-1M, its name in MovieLens-100k
    Year               of the movie's release
    Genre              of the movie, joined by '|'
    Timestamp          of the rating, in seconds since 1970
    Rating             1 to 5; above 3 is positive, below 3 is negative, 3 is neither
"""

import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import polars as pl

from autoint_jax.data.datasets.movielens import MAX_GENRES
from autoint_jax.data.datasets.movielens_files import MovieLens, read_1m, read_100k
from autoint_jax.data.encoding.plan import CrossPlan, FieldPlan, TablePlan
from autoint_jax.data.raw.derived import movielens_groups
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.raw.lines import BadRow
from autoint_jax.data.raw.rows import Raw
from autoint_jax.data.text.layout import Layout
from autoint_jax.data.text.tally import Tally
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, Schema

LAYOUT = Layout(
    (
        *((name, 'text') for name in ('UserID', 'MovieID', 'Gender')),
        ('Age', 'integer'),
        *((name, 'text') for name in ('Occupation', 'Zipcode')),
        ('Year', 'integer'),
        ('Genre', 'text'),
        ('Timestamp', 'integer'),
        ('Rating', 'text'),
    ),
    separator=',',
    header=True,
    quote='"',
    strip=True,
)
GENRES_BETWEEN = '|'
_COLUMNS = {'Age': 'AgeGroup', 'RequestTime': 'Timestamp'}  # {field: column, if it has another name}
_ROWS_AT_ONCE = 100_000


def row_plan(
    schema: Schema, crosses: Sequence[CrossPlan] = (), cuts: Mapping[str, tuple[float, ...]] | None = None
) -> dict[str, Any]:
    """Returns how rows of the table are encoded for a schema that a recipe of MovieLens made, as plan.json holds it.

    Args:
      schema: of the encoded rows.
      crosses: plans of the crossed fields, which stand last in the schema.
      cuts: points between the buckets of numeric fields that are crossed.
    """
    fields = []
    own = Schema(schema.fields[: len(schema.fields) - len(crosses)])
    for field in own.fields:
        column = _COLUMNS.get(field.name, field.name)
        if field.kind == NUMERIC:
            fields.append(FieldPlan(field.name, NUMERIC, column, transform=field.transform))
        elif field.kind == MULTIVALUED:
            fields.append(
                FieldPlan(
                    field.name,
                    MULTIVALUED,
                    column,
                    'none',
                    1,
                    'nothing',
                    separator=GENRES_BETWEEN,
                    max_values=MAX_GENRES,
                )
            )
        else:
            fields.append(FieldPlan(field.name, CATEGORICAL, column))
    label = LabelPlan('Rating', positive=('4', '5'), negative=('1', '2'))
    return {
        'plan': TablePlan(tuple(fields), label, derivation='movielens_groups', crosses=tuple(crosses)).to_json(),
        **({'cuts': dict(cuts or {})} if crosses else {}),
        'parameters': {field.name: field.transform_parameters for field in own.numeric_fields},
        'max_values': {field.name: field.max_values for field in own.fields if field.kind == MULTIVALUED},
        'form': 'text',
        'layout': LAYOUT.to_json(),
    }


def is_raw_folder(folder: pathlib.Path) -> bool:
    """Returns whether a folder holds the ratings of MovieLens in one of the forms that are published."""
    return any((folder / name).is_file() for name in ('ratings.dat', 'u.data', 'ml-100k.inter'))


class RatingsSource:
    """A source of the ratings in the raw files of MovieLens, joined with users and movies, in file order.

    It yields the columns that are asked for, and those that `movielens_groups` derives. UsageError is raised if a file
    is missing or has a malformed line.
    """

    def __init__(self, folder: pathlib.Path, columns: Sequence[str]):
        raw = (read_1m if (folder / 'ratings.dat').is_file() else read_100k)(folder)
        derivation = movielens_groups(folder)
        self._frame = derivation.derive(joined(raw)).select(*columns, *derivation.types)
        self.paths = raw.files
        self.types = dict(self._frame.schema)
        self.checksums: dict[str, str] = {}
        self.bad_beside: Sequence[BadRow] = ()
        self.tallies: list[Tally] = []
        self.unseen_missing: set[str] = set()

    def size(self) -> int:
        """Returns the bytes of all files together."""
        return sum(path.stat().st_size for path in self.paths)

    def rows(
        self, threads: Executor, label: LabelPlan | None, use: Callable[[int, Raw], Any]
    ) -> Iterator[tuple[Any, int]]:
        """Yields the rows block by block, as `Source.rows` says."""
        for number, frame in enumerate(self._frame.iter_slices(_ROWS_AT_ONCE)):
            yield use(number, Raw(frame, [])), self.size() * frame.height // max(self._frame.height, 1)


def joined(raw: MovieLens) -> pl.DataFrame:
    """Returns the table with a row for each rating, in file order."""
    users = [raw.users[user] for user in raw.user_ids.tolist()]
    movies = [raw.movies[movie] for movie in raw.movie_ids.tolist()]
    columns: dict[str, Any] = {
        'UserID': raw.user_ids.tolist(),
        'MovieID': raw.movie_ids.tolist(),
        'Gender': [user.gender for user in users],
        'Age': [int(user.age) for user in users],
        'Occupation': [user.occupation for user in users],
        'Zipcode': [user.zip_code for user in users],
        'Year': [movie.year for movie in movies],
        'Genre': [GENRES_BETWEEN.join(movie.genres) for movie in movies],
        'Timestamp': raw.timestamps.tolist(),
        'Rating': [str(rating) for rating in raw.ratings.tolist()],
    }
    return pl.DataFrame(columns, LAYOUT.types)
