"""Avazu click-through rate prediction: its raw file `train` or `train.csv`, and its recipes.

The file has a header and 24 columns, separated by commas. All recipes split the rows by the authors' ten stratified
folds (`preparation/splits.py`):

`autoint_all_rows`: the authors' preprocessing (their preprocess.py), with its leak from test rows.
  - There are 23 fields, all categorical: every column but `click`. `id` differs in every row, so it is always the
    unknown value. `hour` is the raw YYMMDDHH, so each hour of the ten days is a value.
  - One pass over ALL rows in file order, before the split: the first 4 occurrences of a value get the unknown id, the
    5th and later ones an id of their own. So a value has two ids; its row's place in the file decides between them.
  - The authors give an empty cell the value 0, a zero embedding. The original file has no empty cell (C20 uses -1), so
    here an empty cell is simply the unknown value.
`autoint`: the same fields, fitted on training rows only. Such a pass would mix valid and test rows, so there is a
threshold
  instead: a value that occurs 5 times or more in training rows has its id in every row.
`bars`: the setting Avazu_x4_001 of BARS (FuxiCTR). There is no `id`; `hour` becomes the hour of the day; weekday and
  is_weekend are added; values that occur twice or more in training rows have an id.
"""

import dataclasses

from autoint_jax.data.datasets.click_logs import ClickLog, TableRecipe
from autoint_jax.data.datasets.references import KAGGLE_TERMS, Reference
from autoint_jax.data.encoding.plan import FieldPlan, TablePlan
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.text.layout import Layout
from autoint_jax.schema import CATEGORICAL

_TYPES = {
    'id': 'unsigned',
    'click': 'integer',
    'hour': 'integer',
    'C1': 'integer',
    'banner_pos': 'integer',
    **dict.fromkeys(
        (
            'site_id',
            'site_domain',
            'site_category',
            'app_id',
            'app_domain',
            'app_category',
            'device_id',
            'device_ip',
            'device_model',
        ),
        'hexadecimal',
    ),
    **dict.fromkeys(
        ('device_type', 'device_conn_type', 'C14', 'C15', 'C16', 'C17', 'C18', 'C19', 'C20', 'C21'), 'integer'
    ),
}
LAYOUT = Layout(tuple(_TYPES.items()), separator=',', header=True)
COLUMNS = tuple(name for name in _TYPES if name != 'click')

_AUTHORS = TablePlan(tuple(FieldPlan(name, CATEGORICAL, name, min_count=5) for name in COLUMNS), LabelPlan('click'))
_STREAMED = TablePlan(
    tuple(dataclasses.replace(field, streaming=True) for field in _AUTHORS.fields), LabelPlan('click'), fit_on_all=True
)
_BARS = TablePlan(
    (
        FieldPlan('hour', CATEGORICAL, 'hour_of_day', min_count=2),
        *(FieldPlan(name, CATEGORICAL, name, min_count=2) for name in COLUMNS if name not in ('id', 'hour')),
        *(FieldPlan(name, CATEGORICAL, name, min_count=2) for name in ('weekday', 'is_weekend')),
    ),
    LabelPlan('click'),
    derivation='avazu_calendar',
)

AVAZU = ClickLog(
    ('train', 'train.csv', 'train*.csv'),
    LAYOUT,
    {
        'autoint_all_rows': TableRecipe(
            _STREAMED, "the authors' recipe: one streaming pass over ALL rows, test rows included, as they did"
        ),
        'autoint': TableRecipe(_AUTHORS, "the authors' fields and threshold, fitted on training rows only"),
        'bars': TableRecipe(_BARS, 'Avazu_x4_001 of BARS: no id, hour, weekday, weekend; fitted on training rows only'),
    },
)

REFERENCE = Reference(
    'Avazu click-through rate prediction: 40,428,967 ads shown on mobile sites and in apps, ten days of October '
    '2014 in the order of time. The label is the click.',
    """
@misc{avazu-ctr-prediction,
  author = {Steve Wang and Will Cukierski},
  title = {Click-Through Rate Prediction},
  year = {2014},
  howpublished = {\\url{https://kaggle.com/competitions/avazu-ctr-prediction}},
  note = {Kaggle}
}
""",
    'https://www.kaggle.com/c/avazu-ctr-prediction',
    KAGGLE_TERMS,
    'train or train.csv',
)
