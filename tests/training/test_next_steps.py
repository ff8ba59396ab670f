"""Training on a table of one's own by the configuration for it, and what the commands suggest then."""

import pathlib
import shlex
import types

import jax
import jax.numpy as jnp
import model_cases
import pytest

from autoint_jax.config import configuration
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.config.folder import CONFIGS
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.errors import UsageError
from autoint_jax.models import registry
from autoint_jax.models.layers.tables import TableSpec, lookup
from autoint_jax.training import loop
from autoint_jax.training.run_folder.naming import run_name
from autoint_jax.training.step.state import make_setup
from autoint_jax.training.tables import dense_tables

OWN = configuration.load(CONFIGS / 'own_table.toml')
SMALL = [
    '--config=own_table',
    '--config.data.recipe=mine',
    '--config.training.epochs=1',
    '--config.training.batch_size=64',
]


def test_the_configuration_of_own_tables_is_neutral():
    """It has the defaults, but for the data set and the early stop: nothing of the quick start comes with it."""
    assert set(configuration.differing(configuration.Config(), OWN)) == {
        'data.dataset',
        'data.recipe',
        'training.stop_after_increases',
    }


def test_a_run_on_a_table_of_ones_own_is_named_after_the_table():
    mine = configuration.replace(OWN, {'data.recipe': 'mine'})
    assert run_name('own_table', mine) == f'own_table-mine-{fingerprint(mine)}'
    published = configuration.load(CONFIGS / 'movielens_1m_autoint.toml')
    assert run_name('movielens_1m_autoint', published) == f'movielens_1m_autoint-{fingerprint(published)}'


def test_a_table_has_to_be_named(tmp_path):
    for recipe in ('b', 'a'):
        (tmp_path / 'csv' / recipe).mkdir(parents=True)
        (tmp_path / 'csv' / recipe / 'manifest.json').touch()
    with pytest.raises(UsageError, match=r'--config\.data\.recipe=NAME.*: a, b$'):
        open_prepared(tmp_path, OWN.data.dataset, OWN.data.recipe)
    with pytest.raises(UsageError, match=r"no prepared data at .*did you mean 'clicks'"):
        (tmp_path / 'csv' / 'a').rename(tmp_path / 'csv' / 'clicks')
        open_prepared(tmp_path, OWN.data.dataset, 'click')
    with pytest.raises(UsageError, match='no prepared data at .*; csv is prepared with b, clicks: run'):
        open_prepared(tmp_path, OWN.data.dataset, 'orders')
    with pytest.raises(UsageError, match=r"no prepared data at .*did you mean 'csv'.*: run"):
        open_prepared(tmp_path, 'cvs', 'clicks')
    with pytest.raises(UsageError, match='elsewhere: none; '):
        open_prepared(tmp_path / 'elsewhere', OWN.data.dataset, OWN.data.recipe)


@pytest.mark.parametrize('name', registry.MODELS)
def test_models_that_show_attention_are_those_that_sow_it(name):
    config, rows = model_cases.SMALL[name], model_cases.batch()
    model, specs = registry.build(config, model_cases.SCHEMA)

    def sown():
        tables = {name: jnp.zeros((spec.rows, spec.width)) for name, spec in specs.items()}
        made = model.init(jax.random.key(0), lookup(tables, specs, rows), rows, training=None)
        return model.apply(
            {name: made[name] for name in made if name != 'intermediates'},
            lookup(tables, specs, rows),
            rows,
            training=None,
            mutable=['intermediates'],
        )[1]

    captured = jax.eval_shape(sown).get('intermediates', {})
    assert registry.shows_attention(config) == ('attention' in captured)


def test_without_interacting_layers_there_is_no_attention():
    config = configuration.replace(OWN, {'model.num_layers': 0}).model
    assert not registry.shows_attention(config) and registry.shows_attention(OWN.model)


@pytest.mark.parametrize(
    'rows, batch, options, told',
    [
        (99_999, 10, {}, False),
        (100_000, 10, {}, True),
        (1_000_000, 1024, {}, True),
        (1_000_000, 100_000, {}, False),
        (1_000_000, 1024, {'optimizer.tables': 'deferred_adam'}, False),
        (1_000_000, 1024, {'optimizer.l2_tables': 1e-5}, False),
    ],
)
def test_deferred_adam_is_suggested_for_large_tables(rows, batch, options, told):
    config = configuration.replace(OWN, {'training.batch_size': batch, **options})
    specs = {
        'embedding': TableSpec(16, 0.01, rows, (0, 1, 2), (0, 5, 9)),
        'linear': TableSpec(1, 0.01, rows, (0, 1, 2), (0, 5, 9)),
    }
    sentence = dense_tables.advice(config, specs)
    assert (sentence is not None) == told
    if told:
        assert (
            '--config.optimizer.tables=deferred_adam' in sentence
            and f'{rows:,}' in sentence
            and f'{3 * batch:,}' in sentence
        )


def test_the_suggestion_is_said_before_training(monkeypatch):
    said = []
    monkeypatch.setattr(dense_tables, 'MANY_ROWS', 20)
    for tables in ('adam', 'deferred_adam'):
        config = configuration.replace(OWN, {'training.batch_size': 1, 'optimizer.tables': tables})
        loop.say_what_is_special(make_setup(config, model_cases.SCHEMA), 99, types.SimpleNamespace(say=said.append))
    assert [('deferred_adam' in line, '23 rows' in line) for line in said] == [(True, True)]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A prepared table `mine`, in a folder whose name has a blank."""
    from autoint_jax.data.datasets.registry import Options, prepare_own

    folder = tmp_path_factory.mktemp('own')
    (folder / 'mine.csv').write_text(
        'y,city,job\n' + ''.join(f'{row % 2},c{row % 3},j{row % 7}\n' for row in range(400))
    )
    (folder / 'mine.yaml').write_text('files: [mine.csv]\nlabel: {column: y}\nfields: [{name: city}, {name: job}]\n')
    prepare_own(folder / 'mine.yaml', None, folder / 'prepared data', Options())
    return folder


def next_steps(command, folder, *options):
    done = command(
        'scripts/train.py', *SMALL, f'--data_dir={folder / "prepared data"}', f'--runs_dir={folder / "runs"}', *options
    )
    assert done.returncode == 0, done.stderr
    text = done.stdout[done.stdout.index('next: ') :].removeprefix('next: ')
    return [line.strip() for line in text.splitlines()]


@pytest.mark.slow
def test_every_next_step_of_attention_is_possible(command, forks, folder, tmp_path):
    steps = next_steps(command, folder, *(f'--config.model.{option}' for option in ('num_layers=1', 'num_heads=1')))
    assert ['explain.py' in step for step in steps] == [True, False, False] and 'predict.py' in steps[2]
    for step in steps:
        step = step.replace('--input=FILE', f'--input={folder / "mine.csv"}')
        done = forks.run(shlex.split(step, comments=True)[1:], tmp_path)
        assert done.returncode == 0, done.stderr
    (run,) = (folder / 'runs').glob('own_table-mine-*')
    assert (run / 'explanation' / 'report.html').exists()


def test_next_steps_name_the_data_folder(command, folder):
    explain, evaluate, scores = next_steps(command, folder, '--config.model.name=lr')
    assert 'predict.py' in scores and 'explain.py' in explain
    words = shlex.split(evaluate, comments=True)
    assert pathlib.Path(words[1]).name == 'evaluate.py' and words[-1] == '--split=valid'
    assert f'--data_dir={folder / "prepared data"}' in words


def test_only_a_run_that_is_complete_says_that_nothing_was_trained(command, folder):
    options = f'--data_dir={folder / "prepared data"}', '--run_dir=run', '--config.model.name=lr', '--config.seed=5'

    def said(epochs, *looser):
        done = command('scripts/train.py', *SMALL, *options, f'--config.training.epochs={epochs}', *looser)
        assert done.returncode == 0, done.stderr
        return 'nothing was trained again' in done.stdout, 'start-up and compilation' in done.stdout

    assert [said(epochs) for epochs in (1, 1, 2, 2)] == [(False, True), (True, False), (False, True), (True, False)]
    assert said(2, '--config.training.stop_after_increases=9') == (True, False)  # it had ended by its epochs
    copies = '--config.replicas.seeds=2', '--runs_dir=copies'
    lines = [command('scripts/train.py', *SMALL, options[0], options[2], *copies).stdout for _ in range(2)]
    assert ['These runs are complete; nothing was trained again.' in line for line in lines] == [False, True]
