"""The recipes of MovieLens: rows, fields, vocabularies and splits (paper section 5.1.1; the authors' preprocess.py).

In all recipes a rating above 3 is positive, one below 3 is negative, and ratings of 3 are left out. The rows are split
as the authors do it: `random.seed(2019)`, then `random.shuffle` of the row numbers; the first 80 % are train, the next
10 % valid.
"""

import dataclasses
import random
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autoint_jax.data.datasets.movielens_files import MovieLens
from autoint_jax.data.encoding.crosses import CrossEncoder, fit_crosses
from autoint_jax.data.encoding.plan import CrossPlan
from autoint_jax.data.raw.derived import release_period
from autoint_jax.data.store.columns import SPLITS, Columns
from autoint_jax.data.store.vocabulary import Vocabulary
from autoint_jax.schema import CATEGORICAL, MULTIVALUED, NUMERIC, FieldSpec, Schema

MAX_GENRES = 6
SPLIT_SEED = 2019


class MovieLensRecipe(NamedTuple):
    """A recipe of MovieLens.

    Attributes:
      ids: make fields of the user's and the movie's id.
      fit_on_all: fit vocabularies and the scale of timestamps on all users, movies and rows, as the authors do, instead
        of on training rows only. This is a leak from test rows, kept for comparison.
      description: a phrase about it for --help.
    """

    ids: bool
    fit_on_all: bool
    description: str


RECIPES = {
    'autoint_all_rows': MovieLensRecipe(
        ids=False,
        fit_on_all=True,
        description="the authors' recipe: 7 fields without user and movie id; vocabularies and scale from ALL rows, "
        'test rows included, as they did',
    ),
    'with_ids': MovieLensRecipe(
        ids=True,
        fit_on_all=False,
        description='9 fields with user and movie id, the task of later papers; fitted on training rows only',
    ),
}


class Encoded(NamedTuple):
    """Encoded ratings.

    Attributes:
      schema: of the columns.
      vocabularies: {field name: vocabulary}.
      splits: {split: columns}.
      cuts: {name of a numeric field that is crossed: the points between its buckets}.
    """

    schema: Schema
    vocabularies: dict[str, Vocabulary]
    splits: dict[str, Columns]
    cuts: dict[str, tuple[float, ...]] = {}  # noqa: RUF012 - nobody changes it


def split_rows(rows: int) -> dict[str, np.ndarray]:
    """Returns the authors' split of `rows` rows, {split: row numbers in file order}."""
    order = list(range(rows))
    random.Random(SPLIT_SEED).shuffle(order)
    ends = [int(0.8 * rows), int(0.9 * rows)]
    return {name: np.sort(part) for name, part in zip(SPLITS, np.split(np.array(order), ends), strict=True)}


def encode(raw: MovieLens, recipe: MovieLensRecipe) -> Encoded:
    """Encodes raw ratings by a recipe."""
    kept = raw.ratings != 3
    user_ids, movie_ids = raw.user_ids[kept], raw.movie_ids[kept]
    labels = (raw.ratings[kept] > 3).astype(np.float32)
    rows = split_rows(len(labels))
    fitted = np.arange(len(labels)) if recipe.fit_on_all else rows['train']

    # Users and movies are encoded once and spread over rows.
    users, user_of_row = np.unique(user_ids, return_inverse=True)
    movies, movie_of_row = np.unique(movie_ids, return_inverse=True)
    known_users = list(raw.users) if recipe.fit_on_all else np.unique(user_ids[fitted]).tolist()
    known_movies = list(raw.movies) if recipe.fit_on_all else np.unique(movie_ids[fitted]).tolist()

    fields: list[FieldSpec] = []
    vocabularies: dict[str, Vocabulary] = {}
    slots: list[np.ndarray] = []

    def categorical(name: str, known: Iterable[str], values: Sequence[str] | np.ndarray, of_row: np.ndarray) -> None:
        """Adds a field. `values` are those of the users or the movies; `of_row` has the number of each row's."""
        vocabularies[name] = Vocabulary.fitted(known)
        fields.append(FieldSpec(name, CATEGORICAL, vocabularies[name].cardinality))
        slots.append(vocabularies[name].encode(values)[of_row][:, None])

    if recipe.ids:
        categorical('UserID', known_users, users, user_of_row)
        categorical('MovieID', known_movies, movies, movie_of_row)
    for name, attribute in (
        ('Gender', 'gender'),
        ('Age', 'age'),
        ('Occupation', 'occupation'),
        ('Zipcode', 'zip_code'),
    ):
        categorical(
            name,
            [getattr(raw.users[user], attribute) for user in known_users],
            [getattr(raw.users[user], attribute) for user in users],
            user_of_row,
        )
    categorical(
        'ReleaseTime',
        [release_period(raw.movies[movie].year) for movie in known_movies],
        [release_period(raw.movies[movie].year) for movie in movies],
        movie_of_row,
    )

    timestamps = raw.timestamps[kept].astype(np.float64)
    low, high = timestamps[fitted].min(), timestamps[fitted].max()
    fields.append(
        FieldSpec('RequestTime', NUMERIC, transform='min_max', transform_parameters=(float(low), float(high)))
    )
    numeric = ((timestamps - low) / max(high - low, 1)).astype(np.float32)[:, None]

    vocabularies['Genre'] = Vocabulary.fitted(genre for movie in known_movies for genre in raw.movies[movie].genres)
    fields.append(FieldSpec('Genre', MULTIVALUED, vocabularies['Genre'].cardinality, max_values=MAX_GENRES))
    slots.append(
        vocabularies['Genre'].encode_lists([raw.movies[movie].genres for movie in movies], MAX_GENRES)[movie_of_row]
    )

    ids = np.concatenate(slots, 1)
    splits = {name: Columns(ids[part], numeric[part], labels[part]) for name, part in rows.items()}
    return Encoded(Schema(tuple(fields)), vocabularies, splits)


def with_crosses(encoded: Encoded, crosses: Sequence[CrossPlan]) -> Encoded:
    """Returns encoded ratings with crossed fields after all others, fitted to training rows.

    Raises UsageError if a cross cannot be made of the fields.
    """
    if not crosses:
        return encoded
    train = encoded.splits['train']
    found = fit_crosses(crosses, encoded.schema, encoded.vocabularies, lambda: [(train.ids, train.numeric)], len(train))
    vocabularies = encoded.vocabularies | found.vocabularies
    encoder = CrossEncoder(crosses, encoded.schema, vocabularies, found.cuts)
    splits = {
        name: dataclasses.replace(
            part, ids=np.concatenate([part.ids, *(crossed.ids for crossed in encoder(part.ids, part.numeric))], 1)
        )
        for name, part in encoded.splits.items()
    }
    return Encoded(Schema((*encoded.schema.fields, *encoder.fields)), vocabularies, splits, found.cuts)


def parameters_of(recipe: MovieLensRecipe, crosses: Sequence[CrossPlan] = ()) -> dict[str, Any]:
    """The recipe's parameters in the manifest."""
    crossed = {'crosses': [{**dataclasses.asdict(cross), 'fields': list(cross.fields)} for cross in crosses]}
    return {
        'dropped_rating': 3,
        'max_genres': MAX_GENRES,
        'split_seed': SPLIT_SEED,
        'ids': recipe.ids,
        'fit_on_all_rows': recipe.fit_on_all,
        **(crossed if crosses else {}),
    }


def features_as_the_paper_counts(schema: Schema) -> int:
    """Counts the features of a schema as the authors number them (Table 1).

    These are the known values of all fields, one for each numeric field, and one padding id for each genre slot after
    the first, because the authors give each empty slot an id. So MovieLens-1M has 3,529 features.
    """
    known = sum(field.cardinality - 1 for field in schema.id_fields)
    return known + len(schema.numeric_fields) + sum(field.max_values - 1 for field in schema.id_fields)
