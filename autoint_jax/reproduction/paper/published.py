"""The paper's figures: (test AUC, logloss), means of ten runs (Song et al., CIKM 2019)."""

from typing import NamedTuple


class Figures(NamedTuple):
    auc: float
    logloss: float


DATASETS = ('criteo', 'avazu', 'kdd12', 'movielens_1m')


def _by_dataset(*figures: tuple[float, float]) -> dict[str, Figures]:
    return {dataset: Figures(*of_dataset) for dataset, of_dataset in zip(DATASETS, figures, strict=True)}


# Table 2: single models, by the name of our configuration after DATASET_.
EFFECTIVENESS = {
    'lr': _by_dataset((.7820, .4695), (.7560, .3964), (.7361, .1684), (.7716, .4424)),
    'fm': _by_dataset((.7836, .4700), (.7706, .3856), (.7759, .1573), (.8252, .3998)),
    'afm': _by_dataset((.7938, .4584), (.7718, .3854), (.7659, .1591), (.8227, .4048)),
    'deep_crossing': _by_dataset((.8009, .4513), (.7643, .3889), (.7715, .1591), (.8448, .3814)),
    'nfm': _by_dataset((.7957, .4562), (.7708, .3864), (.7515, .1631), (.8357, .3883)),
    'crossnet': _by_dataset((.7907, .4591), (.7667, .3868), (.7773, .1572), (.7968, .4266)),
    'cin': _by_dataset((.8009, .4517), (.7758, .3829), (.7799, .1566), (.8286, .4108)),
    'hofm': _by_dataset((.8005, .4508), (.7701, .3854), (.7707, .1586), (.8304, .4013)),
    'autoint': _by_dataset((.8061, .4455), (.7752, .3824), (.7883, .1546), (.8456, .3797)),
}
# Table 5: models joined with a deep network.
JOINT = {
    'wide_deep': _by_dataset((.8026, .4494), (.7749, .3824), (.7549, .1619), (.8300, .3976)),
    'deepfm': _by_dataset((.8066, .4449), (.7751, .3829), (.7867, .1549), (.8437, .3846)),
    'deep_cross': _by_dataset((.8067, .4447), (.7731, .3836), (.7872, .1549), (.8446, .3809)),
    'xdeepfm': _by_dataset((.8070, .4447), (.7770, .3823), (.7820, .1560), (.8463, .3808)),
    'autoint_plus': _by_dataset((.8083, .4434), (.7774, .3811), (.7898, .1543), (.8488, .3753)),
}
# The paper's own models, one in each of the two tables.
OWN_MODELS = ('autoint', 'autoint_plus')
# Table 5 again: the single model that each joint model is built on.
BASES = {'wide_deep': 'lr', 'deepfm': 'fm', 'deep_cross': 'crossnet', 'xdeepfm': 'cin', 'autoint_plus': 'autoint'}
# Table 4: AutoInt with and without residual connections. The rows with them are not those of Table 2.
RESIDUAL = {
    True: _by_dataset((.8061, .4454), (.7752, .3823), (.7888, .1545), (.8460, .3784)),
    False: _by_dataset((.8033, .4478), (.7729, .3836), (.7831, .1557), (.8299, .3959)),
}
# Table 3: parameters outside the embeddings, on Criteo.
SIZES = {'deep_crossing': '1.6e5', 'crossnet': '3e3', 'cin': '1.9e6', 'nfm': '4e3', 'autoint': '3.9e4'}
# Figure 7, MovieLens-1M: the pairs of fields that its text calls correlated, over all data; and the single row it shows, whose
# attention is high between these values, with a predicted probability of 0.89.
ATTENDED_PAIRS = (('Gender', 'Genre'), ('Age', 'Genre'), ('RequestTime', 'ReleaseTime'))
ATTENDED_ROW = {'Gender': {'M'}, 'Age': {'18'}, 'Genre': {'Action', 'Thriller'}}
ATTENDED_PROBABILITY = 0.89
