"""The figures of the paper: test AUC and logloss, means of ten runs (Song et al., CIKM 2019)."""

from typing import NamedTuple


class Figures(NamedTuple):
    """Published figures of a model on a data set.

    Attributes:
      auc: the test AUC.
      logloss: the test logloss.
    """

    auc: float
    logloss: float


DATASETS = ('criteo', 'avazu', 'kdd12', 'movielens_1m')


def _by_dataset(*figures: tuple[float, float]) -> dict[str, Figures]:
    return {dataset: Figures(*of_dataset) for dataset, of_dataset in zip(DATASETS, figures, strict=True)}


# Table 2: single models, by the name of our configuration after DATASET_.
EFFECTIVENESS = {
    'lr': _by_dataset((0.7820, 0.4695), (0.7560, 0.3964), (0.7361, 0.1684), (0.7716, 0.4424)),
    'fm': _by_dataset((0.7836, 0.4700), (0.7706, 0.3856), (0.7759, 0.1573), (0.8252, 0.3998)),
    'afm': _by_dataset((0.7938, 0.4584), (0.7718, 0.3854), (0.7659, 0.1591), (0.8227, 0.4048)),
    'deep_crossing': _by_dataset((0.8009, 0.4513), (0.7643, 0.3889), (0.7715, 0.1591), (0.8448, 0.3814)),
    'nfm': _by_dataset((0.7957, 0.4562), (0.7708, 0.3864), (0.7515, 0.1631), (0.8357, 0.3883)),
    'crossnet': _by_dataset((0.7907, 0.4591), (0.7667, 0.3868), (0.7773, 0.1572), (0.7968, 0.4266)),
    'cin': _by_dataset((0.8009, 0.4517), (0.7758, 0.3829), (0.7799, 0.1566), (0.8286, 0.4108)),
    'hofm': _by_dataset((0.8005, 0.4508), (0.7701, 0.3854), (0.7707, 0.1586), (0.8304, 0.4013)),
    'autoint': _by_dataset((0.8061, 0.4455), (0.7752, 0.3824), (0.7883, 0.1546), (0.8456, 0.3797)),
}
# Table 5: models joined with a deep network.
JOINT = {
    'wide_deep': _by_dataset((0.8026, 0.4494), (0.7749, 0.3824), (0.7549, 0.1619), (0.8300, 0.3976)),
    'deepfm': _by_dataset((0.8066, 0.4449), (0.7751, 0.3829), (0.7867, 0.1549), (0.8437, 0.3846)),
    'deep_cross': _by_dataset((0.8067, 0.4447), (0.7731, 0.3836), (0.7872, 0.1549), (0.8446, 0.3809)),
    'xdeepfm': _by_dataset((0.8070, 0.4447), (0.7770, 0.3823), (0.7820, 0.1560), (0.8463, 0.3808)),
    'autoint_plus': _by_dataset((0.8083, 0.4434), (0.7774, 0.3811), (0.7898, 0.1543), (0.8488, 0.3753)),
}
# The paper's own models, one in each of the two tables.
OWN_MODELS = ('autoint', 'autoint_plus')
# Table 5 again: the single model that each joint model is built on.
BASES = {'wide_deep': 'lr', 'deepfm': 'fm', 'deep_cross': 'crossnet', 'xdeepfm': 'cin', 'autoint_plus': 'autoint'}
# Table 4: AutoInt with and without residual connections. The rows with them are not those of Table 2.
RESIDUAL = {
    True: _by_dataset((0.8061, 0.4454), (0.7752, 0.3823), (0.7888, 0.1545), (0.8460, 0.3784)),
    False: _by_dataset((0.8033, 0.4478), (0.7729, 0.3836), (0.7831, 0.1557), (0.8299, 0.3959)),
}
# Table 3: parameters outside the embeddings, on Criteo.
SIZES_DATASET = 'criteo'
SIZES = {'deep_crossing': '1.6e5', 'crossnet': '3e3', 'cin': '1.9e6', 'nfm': '4e3', 'autoint': '3.9e4'}
# Figure 7, MovieLens-1M: the pairs and the triple of fields that its text calls correlated, over all data; and the
# single row it shows, whose attention is high between these values, with a predicted probability of 0.89.
ATTENDED_PAIRS = (('Gender', 'Genre'), ('Age', 'Genre'), ('RequestTime', 'ReleaseTime'))
ATTENDED_TRIPLE = ('Gender', 'Age', 'Genre')
ATTENDED_ROW = {'Gender': {'M'}, 'Age': {'18'}, 'Genre': {'Action', 'Thriller'}}
ATTENDED_PROBABILITY = 0.89
