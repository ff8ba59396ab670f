"""References of the data sets: description, citation, home page, terms of use, and the raw files."""

from typing import NamedTuple

from autoint_jax.data.store.opening import OWN_TABLE


class Reference(NamedTuple):
    """The reference of a published data set.

    Attributes:
      description: its rows and its label, in sentences.
      citation: BibTeX, as its publisher asks for it.
      homepage: URL of the page that publishes it.
      terms: terms of use, in short.
      files: names of the raw files that preparation reads.
    """

    description: str
    citation: str
    homepage: str
    terms: str
    files: str


_HARPER_KONSTAN = """
@article{harper2015movielens,
  author = {Harper, F. Maxwell and Konstan, Joseph A.},
  title = {The {MovieLens} Datasets: History and Context},
  journal = {ACM Transactions on Interactive Intelligent Systems},
  volume = {5},
  number = {4},
  articleno = {19},
  pages = {19:1--19:19},
  month = dec,
  year = {2015},
  doi = {10.1145/2827872}
}
"""
_GROUPLENS_TERMS = (
    'For research, under the conditions of the README that comes with the files: no endorsement by the University of '
    'Minnesota or the GroupLens Research Group may be stated or implied; publications must acknowledge the data set; '
    'it may not be redistributed without separate permission; commercial use needs permission first.'
)
_KAGGLE_TERMS = (
    'The rules of the competition on Kaggle, which must be accepted there before the files can be downloaded. '
    'Do not redistribute the data, nor this form of it.'
)

REFERENCES = {
    'movielens_100k': Reference(
        'MovieLens-100k: 100,000 ratings of 1,682 movies by 943 users, 1997 to 1998. A rating above 3 is positive, '
        'one below is negative, ratings of 3 are left out.',
        _HARPER_KONSTAN,
        'https://grouplens.org/datasets/movielens/100k/',
        _GROUPLENS_TERMS,
        'u.user, u.item and u.data, or ml-100k.user, ml-100k.item and ml-100k.inter',
    ),
    'movielens_1m': Reference(
        'MovieLens-1M: 1,000,209 ratings of about 3,900 movies by 6,040 users who joined in 2000. A rating above 3 is '
        'positive, one below is negative, ratings of 3 are left out.',
        _HARPER_KONSTAN,
        'https://grouplens.org/datasets/movielens/1m/',
        _GROUPLENS_TERMS,
        'users.dat, movies.dat and ratings.dat',
    ),
    'criteo': Reference(
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
    ),
    'avazu': Reference(
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
        _KAGGLE_TERMS,
        'train or train.csv',
    ),
    'kdd12': Reference(
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
        _KAGGLE_TERMS,
        'training.txt and userid_profile.txt',
    ),
    OWN_TABLE: Reference(
        'A table of its publisher, encoded by a declaration.', '', '', '', 'the files its declaration names'
    ),
}
