"""Small sweeps for tests, whose trials are trained by stand-ins."""

import json
import pathlib

from autoint_jax import stored
from autoint_jax.config import configuration
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.config.folder import CONFIGS
from autoint_jax.sweeps import sweep_file
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.worker_task import WorkerTask

BASE = "base = 'movielens_1m_lr'\n[options]\ntraining.epochs = 3\ntraining.batch_size = 512\n"
STALE = 60.0
# What results and records say of training.
OF_TRAINING = {
    'best_step': 20,
    'best_epoch': 2.0,
    'steps': 30,
    'epochs': 3.0,
    'parameters': 7,
    'embedding_parameters': 70,
    'first_step_seconds': 1.0,
    'train_seconds': 30.0,
    'train_rows_per_second': 1000.0,
}


def load(folder, text, name='depth'):
    """Writes a sweep file and returns the sweep that is read from it."""
    path = pathlib.Path(folder, f'{name}.toml')
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return sweep_file.load(path, CONFIGS)


def opened(tmp_path, text=BASE + '[grid]\nseed = [0, 1, 2]\n'):
    """Returns the folder of a sweep with this text."""
    return SweepFolder(load(tmp_path, text), tmp_path / 'sweeps' / 'depth', STALE)


def task(folder, data_dir='nowhere', *, together=False, workers=1):
    """Returns the task of a worker of a sweep."""
    return WorkerTask(
        folder,
        str(data_dir),
        folder.path.parent / 'results',
        wait=False,
        compilation_cache='',
        together=together,
        workers=workers,
    )


def values(trial, *options):
    """Returns the values of some options of a trial."""
    return tuple(configuration.value(trial.config, option) for option in options)


def finish(task, trial, reporter=None):
    """Writes what a trained trial leaves, without training; its figures follow from its options."""
    path = task.folder.of(trial)
    path.mkdir(parents=True, exist_ok=True)
    config = trial.config
    off = abs(config.optimizer.learning_rate - 0.01) + 0.1 * config.training.evaluations_per_epoch + 0.01 * config.seed
    figures = {'auc': 0.9 - off / 10, 'logloss': 0.3 + off}
    result = {
        'fingerprint': fingerprint(config),
        'data_hash': 'of made-up rows',
        'seed': config.seed,
        'valid': figures,
        'test': {'auc': 0.5 + off, 'logloss': 0.7},
        **OF_TRAINING,
    }
    stored.write_json(path / 'result.json', result)


def write_record(folder, name, config, data_hash, auc):
    """Writes the record that a run would have left in RESULTS_DIR/runs, and returns its path."""
    run = f'{name}-{fingerprint(config)}'
    figures = {'auc': auc, 'logloss': 1.2 - auc}
    path = pathlib.Path(folder, 'runs', f'{run}.json')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(
            {
                'run': run,
                'fingerprint': fingerprint(config),
                'seed': config.seed,
                'config': configuration.to_tree(config),
                'data': {'dataset': config.data.dataset, 'recipe': config.data.recipe},
                'data_hash': data_hash,
                'test': figures,
                'valid': figures,
                **OF_TRAINING,
                'starts': [],
            }
        )
    )
    return path


def evaluate(folder, loglosses):
    """Writes the curve of a trial that is in training."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [
        {'step': 7 * count, 'epoch': float(count), 'train_logloss': 0.6, 'valid_logloss': logloss, 'valid_auc': 0.7}
        for count, logloss in enumerate(loglosses, start=1)
    ]
    (folder / 'metrics.jsonl').write_text(''.join(json.dumps(evaluation) + '\n' for evaluation in found))
