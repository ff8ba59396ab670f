"""A fair comparison of models on one data set: equal searches, new seeds, paired tests on the test split.

Question: which of these models should I use on this table, and is the difference real?

    python experiments/leaderboard.py --dataset=movielens_100k --recipe=with_ids --models=lr,fm,deepfm,autoint
    python experiments/leaderboard.py --dataset=csv --schema=clicks.yaml --trials=16 --seeds=5

Every model gets the same number of trials, drawn from its space in experiments/leaderboards/spaces.toml before anything
is trained; they try the same learning rates, dropouts, L2 penalties and embedding sizes, unless a shape with too many
parameters is drawn again. Trials of one shape train in one program. The trial with the least validation logloss is the
setting of its model, which is then trained with --seeds new seeds; their test figures are read once, for the table. The
expected time is printed first. The command can be killed at any time and goes on where it was; several processes may
run it at once. On another machine it goes on from the records in RESULTS_DIR. A trial that diverges counts as failed.

Writes results/trials_of_leaderboard_DATASET_RECIPE.{json,csv} after each group of trials, a record of every run with a
new seed in results/runs, and after each model results/leaderboard_DATASET_RECIPE.{json,csv} and the page
RUNS_DIR/leaderboard_DATASET_RECIPE/leaderboard.html. docs/leaderboard.md explains them. The exit status is 3 if a model
has no place because all of its trials failed.
"""

import functools
import pathlib

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.config.folder import CONFIGS
from autoint_jax.errors import UsageError

SPACES = CONFIGS.with_name('leaderboards') / 'spaces.toml'
QUICK_TRIALS = 2  # with --quick

_RECIPE = flags.DEFINE_string('recipe', None, "Recipe of the prepared data; by default the data set's first one.")
_SCHEMA = flags.DEFINE_string('schema', None, '--dataset=csv: the declaration of your table, which must be prepared.')
_MODELS = flags.DEFINE_list(
    'models', None, 'Models to train, of the file of spaces; by default all. Every model that has records is shown.'
)
_TRIALS = flags.DEFINE_integer('trials', 16, 'Trials of each model.', lower_bound=1, upper_bound=1000)
_SEEDS = flags.DEFINE_integer(
    'seeds',
    5,
    'Number of seeds with which the chosen setting of each model is trained.',
    lower_bound=1,
    upper_bound=100,
)
_EPOCHS = flags.DEFINE_integer(
    'epochs', None, 'Most epochs of a run; by default that of the file of spaces.', lower_bound=1
)
_BATCH_SIZE = flags.DEFINE_integer(
    'batch_size', None, 'Rows of a step; by default that of the file of spaces.', lower_bound=1
)
_SPACES = flags.DEFINE_string(
    'spaces',
    None,
    'File of spaces; by default experiments/leaderboards/spaces.toml. docs/leaderboard.md says its form.',
)
_MOST_PARAMETERS = flags.DEFINE_integer(
    'most_parameters', 1_000_000, 'Most parameters of a model outside its embeddings.', lower_bound=1
)
_BESIDE = flags.DEFINE_string(
    'beside', '', 'Model beside which the others are tested, too, such as autoint; the best model is always one.'
)
_SEARCH_AGAIN = flags.DEFINE_boolean(
    'search_again', False, 'Search models of --models again if their space has changed, in place of their records.'
)
_DRAW_SEED = flags.DEFINE_integer('draw_seed', 0, 'Seed of the draws of trials.', lower_bound=0, upper_bound=2**31 - 1)
flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.data.datasets import registry
from autoint_jax.data.store.opening import OWN_TABLE, open_prepared
from autoint_jax.leaderboard import course, publication, record, spaces, tables
from autoint_jax.leaderboard.board import ELSEWHERE, Board, Budget, make_board
from autoint_jax.leaderboard.draws import OF_A_SHAPE
from autoint_jax.leaderboard.standings import FEWEST_MODELS


@common.experiment
def main(argv: list[str]) -> int:
    common.start(max(OF_A_SHAPE, _SEEDS.value))
    board = _board(common.DATASET.value, _recipe(common.DATASET.value))
    results_dir = common.results_dir().absolute()
    course.run(
        board,
        data_dir=str(pathlib.Path(common.DATA_DIR.value).absolute()),
        results_dir=results_dir,
        say=lambda line: print(line, flush=True),
        publish=functools.partial(publication.publish_if_able, board, results_dir),
    )
    done = publication.publish(board, results_dir)
    title = f'{board.name}: {board.budget.trials} trials and {board.budget.seeds} seeds of each model'
    tables.show(title, done.found, done.rows)
    print('. '.join(done.sentences) + '.')
    for model, reason in done.found.left_out.items():
        print(f'{model} has no place: {reason}')
    for name in (board.name, record.path_of(board.name, results_dir).stem):
        print(f'wrote {common.results_dir() / name}.json and .csv')
    print(f'wrote {done.page}, and {done.figures} figures in {done.page.with_suffix("")}')
    return 3 if set(done.found.left_out) & set(board.asked) else 0


def _board(dataset: str, recipe: str) -> Board:
    """Opens the data and draws the trials of all models."""
    data = open_prepared(common.DATA_DIR.value, dataset, recipe)
    if _SCHEMA.value is not None and not common.QUICK.value:
        registry.check_unchanged(pathlib.Path(_SCHEMA.value), data, print)
    fixed: dict[str, object] = {'data.dataset': dataset, 'data.recipe': recipe}
    if _EPOCHS.value is not None or common.QUICK.value:
        fixed['training.epochs'] = 1 if common.QUICK.value else _EPOCHS.value
    if _BATCH_SIZE.value is not None:
        fixed['training.batch_size'] = _BATCH_SIZE.value
    if _MODELS.value == []:
        raise UsageError(
            '--models names no model: name some with commas between, such as --models=lr,fm, or leave it out'
        )
    if '' in (models := _MODELS.value or []):
        raise UsageError(f'--models={",".join(models)} has a comma without a model beside it: leave it out')
    path, name = pathlib.Path(_SPACES.value or SPACES), f'leaderboard_{dataset}_{recipe}'
    of_models = spaces.load(path, fixed, _MODELS.value)
    asked = list(of_models)
    if others := [one for one in record.recorded_models(name, common.results_dir()) if one not in of_models]:
        known = spaces.load(path, fixed, None)
        if unknown := [one for one in others if one not in known]:
            raise UsageError(
                f'{record.path_of(name, common.results_dir())} holds trials of {", ".join(unknown)}, of which {path} '
                f'has no space: {ELSEWHERE}'
            )
        of_models |= {one: known[one] for one in others}
    if len(of_models) < FEWEST_MODELS:
        raise UsageError(
            f'--models={",".join(of_models)} names one model, and a leaderboard compares at least 2: name more'
        )
    trials = min(_TRIALS.value, QUICK_TRIALS) if common.QUICK.value else _TRIALS.value
    budget = Budget(trials, _SEEDS.value, _MOST_PARAMETERS.value, _DRAW_SEED.value)
    runs_dir = pathlib.Path(common.RUNS_DIR.value)
    return make_board(name, of_models, data, budget, runs_dir, asked, _BESIDE.value, _SEARCH_AGAIN.value)


def _recipe(dataset: str) -> str:
    """Returns the recipe of the data: that of the flags, the name of a declaration, or the default."""
    if dataset != OWN_TABLE:
        if _SCHEMA.value is not None:
            raise UsageError(f'--schema is for --dataset={OWN_TABLE}, and not for --dataset={dataset}: leave it out')
        return registry.recipe_name(dataset, _RECIPE.value)
    if (_SCHEMA.value is None) == (_RECIPE.value is None):
        raise UsageError(
            f'--dataset={OWN_TABLE} needs --schema=FILE, the declaration of your table, or --recipe=NAME, its name, '
            'and not both'
        )
    if _RECIPE.value is not None:
        return _RECIPE.value
    schema = pathlib.Path(_SCHEMA.value or '')
    if not schema.is_file():
        raise UsageError(
            f'--schema={schema} does not exist: name the declaration of your table, which was prepared by it'
        )
    return schema.stem


if __name__ == '__main__':
    command.run(main)
