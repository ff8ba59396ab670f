"""What tests of runs that go on from other runs share: tables of two days, their preparation, and tiny runs on them.

Test modules import the fixtures by name.
"""

import functools
import random

import jax
import numpy as np
import pytest
from run_cases import Told

from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.datasets import registry
from autoint_jax.training.ancestor import open_ancestor
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader
from autoint_jax.training.loop import fit
from autoint_jax.training.run_folder import contents
from autoint_jax.training.step import placement
from autoint_jax.training.step.layout import shapes_on
from autoint_jax.training.step.state import make_setup

# Fields in two tables; the first one grows, so that the rows of all others move.
FIELDS = """
- {name: user, min_count: 4}
- {name: city, missing: nothing}
- {name: age, kind: numeric, transform: standard}
- {name: group, column: age, transform: quantiles, buckets: 4}
- {name: item, embedding_dim: 2}
- {name: tags, kind: multivalued, separator: " "}
"""
TINY = replace(
    Config(),
    {
        'data.dataset': 'csv',
        'model.name': 'fm',
        'model.embedding_dim': 3,
        'model.embedding_stddev': 0.1,
        'training.batch_size': 64,
        'training.epochs': 1,
        'execution.slice_rows': 64,
        'optimizer.learning_rate': 0.05,
    },
)
ROWS = 700
BATCHES = -(-int(0.8 * ROWS) // 64)  # of an epoch


def write_day(folder, day, fields=FIELDS):
    """Writes the table of a day and its declaration; each day has more users and items than the one before."""
    rng = random.Random(day)
    lines = ['y,user,city,age,item,tags']
    for _ in range(ROWS):
        user, item = rng.randrange(40 + 60 * day), rng.randrange(20 + 30 * day)
        city = rng.choice(['Oslo', 'Lima', 'Bern', ''] + ['Rome'] * (day > 1))
        tags = ' '.join(rng.sample(['red', 'green', 'blue', 'grey'][: 2 + day], rng.randrange(3)))
        label = int(rng.random() < (0.7 if (user + item) % 2 else 0.3))
        lines.append(f'{label},u{user},{city},{rng.randint(17, 80)},i{item},{tags}')
    (folder / f'day{day}.csv').write_text('\n'.join(lines) + '\n')
    declaration = folder / f'day{day}.yaml'
    declaration.write_text(f'files: [day{day}.csv]\nlabel: y\nfields: {fields}')
    return declaration


def prepare(folder, day, extends=None, fields=FIELDS):
    """Prepares the table of a day."""
    options = registry.Options(extends=extends)
    return registry.prepare_own(write_day(folder, day, fields), None, folder / 'prepared', options)


def config_of(data, options=None):
    """The tiny configuration on the table of a day."""
    return replace(TINY, {'data.recipe': data.folder.name} | (options or {}))


def go_on(ancestor_dir, data, folder, options=None, reporter=None):
    """Trains a run that goes on from another one. Returns its configuration."""
    ancestor = open_ancestor(ancestor_dir, None, 'unused')
    config = config_of(data, options) if isinstance(options, dict | None) else options
    config = replace(config, {'init_state': ancestor.digest})
    fit(config, data, folder, reporter or Told(), ancestor)
    return config


def state_of(folder, data, step):
    """The state of a checkpoint of a run on one device, as arrays."""
    config, mesh = contents.read_config(folder), placement.data_mesh()
    setup = make_setup(config, data.schema)
    state = CheckpointReader(folder / 'checkpoints').restore(step, shapes_on(setup, mesh), mesh)[0]
    return setup, jax.tree.map(np.asarray, state)


def bits(array):
    """The bytes of an array, so that NaN and the sign of zero count."""
    return np.asarray(array).tobytes()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Where the tables, their prepared data and the first runs lie."""
    return tmp_path_factory.mktemp('days')


@pytest.fixture(scope='module')
def days(folder):
    """The prepared data of two days; the second extends the first."""
    one = prepare(folder, 1)
    return one, prepare(folder, 2, one)


@pytest.fixture(scope='module')
def first(folder, days):
    """Trains a run on the first day by an optimizer of tables, once, and returns its folder."""

    @functools.cache
    def trained(tables):
        fit(config_of(days[0], {'optimizer.tables': tables}), days[0], folder / tables, Told())
        return folder / tables

    return trained
