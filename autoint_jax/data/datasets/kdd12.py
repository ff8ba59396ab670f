"""KDD Cup 2012, track 2: its raw files `training.txt` and `userid_profile.txt`, and its recipes.

`training.txt` has 12 columns, `userid_profile.txt` has UserID, Gender and Age, all separated by tabs. The label is
Click > 0. All recipes split the rows by the authors' ten stratified folds (`preparation/splits.py`):

`autoint_all_rows`: the authors' preprocessing (their preprocess.py, scale.py), with its leak from test rows.
  - There are 13 fields. Impression, Depth and Position are numbers, int(log(x)^2) for x > 2; eight columns are
    categories; Gender and Age are joined from the profile.
  - One pass over ALL rows in file order, before the split: the first 9 occurrences of a value get the unknown id, the
    10th and later ones an id of their own.
  - UserID 0 means that the user is not known. It contributes a zero embedding: the field is multivalued with one slot;
    id 0 is missing, id 1 is unknown. (The authors give it an id, with the value 0.)
  - Gender and Age have no threshold. A user without a profile contributes a zero embedding in both. The authors number
    the values in the profile file; here the values in the rows are numbered, which are the same if every value occurs
    in a row.
`autoint`: fitted on training rows only; a value that occurs 10 times or more there has its id in every row, as in
Avazu. `bars`: BARS has no KDD12. This is the rule of its Criteo_x4_001: numbers become buckets, values that occur 10
times or more in
  training rows have an id, missing values are unknown. UserID 0 is a value like any other.
"""

import dataclasses

from autoint_jax.data.datasets.click_logs import ClickLog, TableRecipe
from autoint_jax.data.datasets.references import KAGGLE_TERMS, Reference
from autoint_jax.data.encoding.plan import FieldPlan, TablePlan
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.text.layout import Layout
from autoint_jax.schema import CATEGORICAL, NUMERIC

COLUMNS = (
    'Impression',
    'DisplayURL',
    'AdID',
    'AdvertiserID',
    'Depth',
    'Position',
    'QueryID',
    'KeywordID',
    'TitleID',
    'DescriptionID',
    'UserID',
)
NUMBERS = ('Impression', 'Depth', 'Position')
PROFILE = ('Gender', 'Age')
LAYOUT = Layout(
    (('Click', 'integer'), *((name, 'unsigned' if name == 'DisplayURL' else 'integer') for name in COLUMNS))
)
_LABEL = LabelPlan('Click', above=0)


def _field(name: str) -> FieldPlan:
    """The authors' plan of a field."""
    if name in NUMBERS:
        return FieldPlan(name, NUMERIC, name, transform='log_square')
    if name in PROFILE:
        return FieldPlan(name, CATEGORICAL, name, missing='nothing_unknown_too')
    if name == 'UserID':
        return FieldPlan(name, CATEGORICAL, name, min_count=10, missing='nothing', missing_values=('0',))
    return FieldPlan(name, CATEGORICAL, name, min_count=10)


_AUTHORS = TablePlan(tuple(map(_field, (*COLUMNS, *PROFILE))), _LABEL, derivation='kdd12_profile')
_STREAMED = dataclasses.replace(
    _AUTHORS,
    fit_on_all=True,
    fields=tuple(dataclasses.replace(field, streaming=field.min_count > 1) for field in _AUTHORS.fields),
)
_BARS = dataclasses.replace(
    _AUTHORS,
    fields=tuple(
        FieldPlan(name, CATEGORICAL, name, transform='log_square_bucket', min_count=10, missing='zero')
        if name in NUMBERS
        else FieldPlan(name, CATEGORICAL, name, min_count=10)
        for name in (*COLUMNS, *PROFILE)
    ),
)

KDD12 = ClickLog(
    ('training.txt', 'training*.txt'),
    LAYOUT,
    {
        'autoint_all_rows': TableRecipe(
            _STREAMED, "the authors' recipe: one streaming pass over ALL rows, test rows included, as they did"
        ),
        'autoint': TableRecipe(_AUTHORS, "the authors' fields and threshold, fitted on training rows only"),
        'bars': TableRecipe(_BARS, "BARS' rule for Criteo, fitted on training rows only"),
    },
)

REFERENCE = Reference(
    'KDD Cup 2012, track 2: 149,639,105 rows of search advertising from session logs of a Tencent search engine, '
    'with gender and age of the user. The label says whether there was a click.',
    """
@misc{kddcup2012-track2,
  author = {Aden and Yi Wang},
  title = {KDD Cup 2012, Track 2},
  year = {2012},
  howpublished = {\\url{https://kaggle.com/competitions/kddcup2012-track2}},
  note = {Kaggle}
}
""",
    'https://www.kaggle.com/c/kddcup2012-track2',
    KAGGLE_TERMS,
    'training.txt and userid_profile.txt',
)
