"""A model that goes on learning every day, beside a model that is trained again on all days.

Claim: data of a new day extends the data before it (prepare_data.py --extend_from), and training goes on from the state
of the day before (train.py --init_from). The model is as good as one that is trained from the beginning on all days so
far, in a small part of its time.

    python experiments/daily_training.py
    python experiments/daily_training.py --quick

Seven days of clicks are generated, with new users and items each day and tastes that drift. Both models score each day
before they are trained on it (progressive validation: AUC and normalised entropy of all its rows). One model takes one
pass over each new day. The other is trained anew on all days so far, with early stop; its best epoch counts. Seconds
are CPU seconds of this process during training steps, without evaluations and compilation; the record also has those of
the whole way from raw files to the result.

Time: about five minutes of CPU; less than one with --quick. Expected: from day 3 on, the mean AUC of the first model is
at most 0.0005 below that of the second, and its training takes at most 15 % of the time.
Writes results/daily_training.{json,csv}; --quick writes nothing.
"""

import pathlib
import tempfile
import time
from typing import Any, NamedTuple

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command

_ROWS = flags.DEFINE_integer('rows', 500_000, 'Rows of a day.', lower_bound=1000)
_DAYS = flags.DEFINE_integer('days', 7, 'Number of days.', lower_bound=3, upper_bound=100)
_SEED = flags.DEFINE_integer('seed', 0, 'Seed of the days and of the models.', lower_bound=0)
_EPOCHS = flags.DEFINE_integer('epochs', 5, 'Most epochs of a training on all days.', lower_bound=1)
_QUICK = flags.DEFINE_boolean('quick', False, 'Only three short days, no verdict and no record.')
_RESULTS_DIR = flags.DEFINE_string('results_dir', 'results', 'Folder of records.')

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import numpy as np

import autoint_jax
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.folder import CONFIGS
from autoint_jax.data.datasets import registry
from autoint_jax.data.generated import days
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.evaluation.calibration import logloss
from autoint_jax.evaluation.ranking import auc
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.scoring.output import LABEL, LOGIT
from autoint_jax.training.ancestor import open_ancestor
from autoint_jax.training.loop import fit
from autoint_jax.training.progress import Silent

OPTIONS = {
    'model.embedding_dim': 8,
    'model.embedding_stddev': 0.1,
    'model.num_layers': 2,
    'model.head_dim': 8,
    'optimizer.tables': 'deferred_adam',
    'optimizer.learning_rate': 3e-3,
    'training.batch_size': 512,
    'training.epochs': 1,
    'training.stop_after_increases': 1,
}
QUICK_ROWS, QUICK_DAYS = 2000, 3
AUC_TOLERANCE, MOST_TIME = 0.0005, 0.15


class Trained(NamedTuple):
    """A trained run.

    Attributes:
      folder: its run folder.
      data: its prepared data.
      seconds: CPU seconds of its steps.
      whole: CPU seconds from raw files to its result.
      epochs: the epochs of its training.
    """

    folder: pathlib.Path
    data: PreparedData
    seconds: float
    whole: float
    epochs: float


class StepClock(Silent):
    """A reporter that counts the CPU seconds of this process during training steps.

    The first step of a run, which is compiled, is left out.

    Attributes:
      seconds: CPU seconds so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since: float | None = None

    def doing(self, what: str) -> None:
        self._since = time.process_time() if what == 'training' else None

    def steps(self, done: int, total: int, rate: float) -> None:
        now = time.process_time()
        self.seconds += 0.0 if self._since is None else now - self._since
        self._since = now


def trained(folder: pathlib.Path, name: str, numbers: list[int], config: Config, before: Trained | None) -> Trained:
    """Prepares some days and trains on them.

    Args:
      folder: of the files of all days.
      name: of the declaration and the run.
      numbers: the days.
      config: the configuration, without the name of the data.
      before: the run from whose state this one goes on, and whose data is extended; None to train from the beginning.
    """
    began = time.process_time()
    declaration = folder / f'{name}.yaml'
    declaration.write_text(days.DECLARATION.format(files=', '.join(f'day{number}.csv' for number in numbers)))
    options = registry.Options(extends=None if before is None else before.data)
    data = registry.prepare_own(declaration, None, folder / 'prepared', options)
    ancestor = None if before is None else open_ancestor(before.folder, None, str(folder / 'prepared'))
    config = configuration.replace(
        config, {'data.recipe': name, 'init_state': '' if ancestor is None else ancestor.digest}
    )
    clock = StepClock()
    result = fit(config, data, folder / 'runs' / name, clock, ancestor)
    return Trained(folder / 'runs' / name, data, clock.seconds, time.process_time() - began, result.epochs)


def figures(run: Trained, path: pathlib.Path) -> dict[str, float]:
    """Returns AUC and normalised entropy of a run on all rows of a file."""
    scores = autoint_jax.load(run.folder).predict(path)
    logits, labels = scores[LOGIT].to_numpy(), scores[LABEL].to_numpy()
    share = float(np.mean(labels))
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    return {'auc': auc(logits, labels), 'normalized_entropy': logloss(logits, labels) / float(entropy)}


def main(argv: list[str]) -> int:
    rows, count = (QUICK_ROWS, QUICK_DAYS) if _QUICK.value else (_ROWS.value, _DAYS.value)
    daily_config = configuration.replace(
        configuration.load(CONFIGS / 'own_table.toml'), OPTIONS | {'seed': _SEED.value}
    )
    again_config = configuration.replace(daily_config, {'training.epochs': 1 if _QUICK.value else _EPOCHS.value})
    table: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix='daily_training_') as name:
        folder = pathlib.Path(name)
        files = [days.day(folder, number, rows, _SEED.value) for number in range(1, count + 1)]
        daily = again = trained(folder, 'day1', [1], again_config, None)
        print(f'day 1: {daily.epochs:g} epochs, {daily.seconds:.1f} CPU seconds; both models begin with it', flush=True)
        for number in range(2, count + 1):
            scored = [figures(run, files[number - 1]) for run in (daily, again)]
            daily = trained(folder, f'day{number}', [number], daily_config, daily)
            again = trained(folder, f'until{number}', list(range(1, number + 1)), again_config, None)
            table.append(row_of(number, scored, daily, again))
            print(
                f'day {number}: AUC {scored[0]["auc"]:.4f} daily, {scored[1]["auc"]:.4f} trained again; then '
                f'{daily.seconds:.1f} and {again.seconds:.1f} CPU seconds, {again.epochs:g} epochs',
                flush=True,
            )
    difference = float(np.mean([row['auc_difference'] for row in table[1:]]))
    share = sum(row['daily_seconds'] for row in table) / sum(row['again_seconds'] for row in table)
    passed = difference >= -AUC_TOLERANCE and share <= MOST_TIME
    criterion = (
        f'Over days 3 to {count}, the mean AUC of daily training is at most {AUC_TOLERANCE} below that of training '
        f'again, in at most {MOST_TIME:.0%} of its CPU time'
    )
    show(table, difference, share)
    if _QUICK.value:
        print('quick: no verdict')
        return 0
    print(f'{criterion}: {comparison.verdict(passed)}')
    path = pathlib.Path(_RESULTS_DIR.value) / 'daily_training'
    about = {'table': 'daily training', 'day_rows': rows, 'seed': _SEED.value, 'criterion': criterion}
    about |= {'verdict': comparison.verdict(passed), 'auc_difference': difference, 'time_share': share}
    write_table(path, table, about)
    print(f'wrote {path}.json and .csv')
    return 0 if passed else 3


def row_of(number: int, scored: list[dict[str, float]], daily: Trained, again: Trained) -> dict[str, Any]:
    """Returns the row of a day: figures before training on it, then the seconds of both trainings with it."""
    return {
        'day': number,
        'daily_auc': scored[0]['auc'],
        'again_auc': scored[1]['auc'],
        'auc_difference': scored[0]['auc'] - scored[1]['auc'],
        'daily_normalized_entropy': scored[0]['normalized_entropy'],
        'again_normalized_entropy': scored[1]['normalized_entropy'],
        'daily_seconds': daily.seconds,
        'again_seconds': again.seconds,
        'daily_whole_seconds': daily.whole,
        'again_whole_seconds': again.whole,
        'again_epochs': again.epochs,
    }


def show(table: list[dict[str, Any]], difference: float, share: float) -> None:
    """Prints the table and its summary."""
    comparison.show(
        'daily training, and training again on all days',
        ['day', 'AUC daily', 'again', 'NE daily', 'again', 'CPU s daily', 'again', 'share'],
        [
            [
                str(row['day']),
                *(f'{row[f"{model}_{name}"]:.4f}' for name in ('auc', 'normalized_entropy') for model in MODELS),
                *(f'{row[f"{model}_seconds"]:.1f}' for model in MODELS),
                f'{row["daily_seconds"] / row["again_seconds"]:.0%}',
            ]
            for row in table
        ],
    )
    print(f'mean difference of AUC {difference:+.5f}; daily training takes {share:.1%} of the CPU time')


MODELS = ('daily', 'again')

if __name__ == '__main__':
    command.run(main)
