"""What tests of Criteo, Avazu and KDD12 share: generated files of their exact shapes, and their preparation.

Test modules import the fixture by name.
"""

import pytest

from autoint_jax.data.datasets.avazu import AVAZU
from autoint_jax.data.datasets.criteo import CRITEO
from autoint_jax.data.datasets.kdd12 import KDD12
from autoint_jax.data.generated import shapes
from autoint_jax.data.preparation.progress import SilentPreparation

ROWS = {'criteo': 6007, 'avazu': 6011, 'kdd12': 6029}
LOGS = {'criteo': CRITEO, 'avazu': AVAZU, 'kdd12': KDD12}


@pytest.fixture(scope='module')
def raw(tmp_path_factory):
    folders = {name: tmp_path_factory.mktemp('raw') / name for name in ROWS}
    for name, folder in folders.items():
        shapes.SHAPES[name](folder, ROWS[name], 5)
    with open(folders['kdd12'] / 'userid_profile.txt', 'a') as file:
        file.write('1\t0\t6\n')  # the second line of the most frequent user
    return folders


def prepared(name, recipe, raw, folder, **options):
    return LOGS[name].prepare(
        recipe,
        raw[name],
        folder / name / recipe,
        dataset=name,
        max_bad_share=0.001,
        progress=SilentPreparation(),
        **options,
    )
