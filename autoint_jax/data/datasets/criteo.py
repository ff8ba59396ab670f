"""Criteo display advertising challenge: its raw file `train.txt`, and its recipes.

The file has no header; its columns are the label, 13 integers and 26 hexadecimal categories, separated by tabs. All
recipes split the rows by the authors' ten stratified folds (`preparation/splits.py`):

`autoint_all_rows`: the authors' preprocessing (paper section 5.1.1; their preprocess.py, scale.py), with its leak.
  - A categorical value has an id of its own if it occurs more than 10 times in ALL rows, test rows included; otherwise
    it is the field's unknown value. (In the paper, "less than 10 times" are unknown; in the code, 10 or less.)
  - A missing category contributes a zero embedding: the authors give it an id, but the value 0. Here such a field is
    multivalued with one slot: id 0 is missing, id 1 is unknown, and known values follow.
  - Numbers are int(log(x)^2), natural logarithm, for x > 2; other numbers, negative ones too, are unchanged. (The paper
    writes log^2.) The authors give a missing number the value 0, a zero embedding; here it is NaN, which contributes
    zero.
  - The authors number values in the order of their first frequent occurrence; here they are numbered in sorted order.
    This makes no difference to a model.
`autoint`: the same, but values are counted in training rows only, so that nothing is learned from test rows. `bars`:
the setting Criteo_x4_001 of BARS (FuxiCTR). Numbers become buckets, int(log(x)^2) for x > 2, else int(x), which are
  used as categories. (Its page says floor(log2(x)), its code does this.) A missing number counts as 0. Values that
  occur 10 times or more in training rows have an id. Missing categories share the unknown id, because its tokenizer
  leaves the empty value out of the vocabulary.
"""

import dataclasses

from autoint_jax.data.datasets.click_logs import ClickLog, TableRecipe
from autoint_jax.data.datasets.references import Reference
from autoint_jax.data.encoding.plan import FieldPlan, TablePlan
from autoint_jax.data.raw.labels import LabelPlan
from autoint_jax.data.text.layout import Layout
from autoint_jax.schema import CATEGORICAL, NUMERIC

INTEGERS = tuple(f'I{number}' for number in range(1, 14))
CATEGORIES = tuple(f'C{number}' for number in range(1, 27))
LAYOUT = Layout(
    (('label', 'integer'), *((name, 'integer') for name in INTEGERS), *((name, 'hexadecimal') for name in CATEGORIES))
)

_AUTHORS = TablePlan(
    (
        *(FieldPlan(name, NUMERIC, name, transform='log_square') for name in INTEGERS),
        *(FieldPlan(name, CATEGORICAL, name, min_count=11, missing='nothing') for name in CATEGORIES),
    ),
    LabelPlan('label'),
)
_BARS = TablePlan(
    (
        *(
            FieldPlan(name, CATEGORICAL, name, transform='log_square_bucket', min_count=10, missing='zero')
            for name in INTEGERS
        ),
        *(FieldPlan(name, CATEGORICAL, name, min_count=10) for name in CATEGORIES),
    ),
    LabelPlan('label'),
)

CRITEO = ClickLog(
    ('train.txt', 'train*.txt'),
    LAYOUT,
    {
        'autoint_all_rows': TableRecipe(
            dataclasses.replace(_AUTHORS, fit_on_all=True),
            "the authors' recipe, values counted in ALL rows, test rows included, as they did",
        ),
        'autoint': TableRecipe(_AUTHORS, "the authors' recipe, fitted on training rows only"),
        'bars': TableRecipe(_BARS, 'Criteo_x4_001 of BARS: numbers as buckets, fitted on training rows only'),
    },
)

REFERENCE = Reference(
    'Criteo display advertising challenge: 45,840,617 display ads of seven days in the order of time, with '
    'subsampled negatives and positives; 13 integers and 26 categories hashed to 32 bits. The label is the click.',
    """
@misc{criteo-display-ad-challenge,
  author = {Jean-Baptiste Tien and joycenv and Olivier Chapelle},
  title = {Display Advertising Challenge},
  year = {2014},
  howpublished = {\\url{https://kaggle.com/competitions/criteo-display-ad-challenge}},
  note = {Kaggle}
}
""",
    'https://www.kaggle.com/c/criteo-display-ad-challenge',
    "Criteo's terms, which come with the files, and the rules of the competition on Kaggle. Do not redistribute "
    'the data, nor this form of it.',
    'train.txt',
)
