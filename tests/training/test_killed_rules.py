"""Each training rule, and some together: runs that are killed by SIGKILL end with the bits of those left alone.

So do copies of a run, and runs that were given more epochs and a looser early stop when they were complete.
"""

import os
import pathlib
import signal

import pytest
from conftest import ROOT
from run_cases import TINY, Told, outcome
from test_stopping import OFTEN, Ending
from test_weighted_runs import CONFIG as WEIGHTED
from test_weighted_runs import data as weighted  # noqa: F401

from autoint_jax.config.configuration import Config, replace
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.loop import fit
from autoint_jax.training.pace import Pace
from autoint_jax.training.run_folder.prolongation import read_evaluations
from autoint_jax.training.setbacks import lowered_rates

pytestmark = pytest.mark.slow

# In a fork, with programs that are compiled as users do.
TRAIN = (
    'import sys, jax; jax.config.update("jax_disable_most_optimizations", False)\n'
    'import test_killed_rules as t; t.train(*sys.argv[1:])'
)
KILLED_AT = 100  # steps, in the fourth epoch of 31 steps
KILLED, WEIGHTED_ROWS = '-killed', 'weights and soft labels'
# Evaluations get worse, so that plateaus and patience have something to do.
LONG = {
    'training.batch_size': 64,
    'execution.slice_rows': 64,
    'training.epochs': 4,
    'training.evaluations_per_epoch': 2,
    'optimizer.tables': 'deferred_adam',
    'optimizer.learning_rate': 0.1,
    'model.name': 'deepfm',
    'model.deep_hidden': (4,),
    'model.deep_dropout': 0.1,
}
DENSE = {'optimizer.tables': 'adam'}
ENDED = {'optimizer.schedule_steps': 100}
RULES = {
    'warm-up': {'optimizer.warmup_steps': 50},
    'cosine': {'optimizer.schedule': 'cosine', 'optimizer.warmup_steps': 20} | ENDED,
    'linear': {'optimizer.schedule': 'linear', 'optimizer.final_fraction': 0.2} | ENDED,
    'step': {'optimizer.schedule': 'step', 'optimizer.decay_every': 30, 'optimizer.decay_factor': 0.5} | ENDED,
    'inverse_root': {'optimizer.schedule': 'inverse_root', 'optimizer.warmup_steps': 7} | ENDED,
    'plateau': {'optimizer.plateau_factor': 0.3, 'optimizer.plateau_least': 0.1},
    'patient plateau': {'optimizer.plateau_factor': 0.3, 'optimizer.plateau_patience': 2, 'training.monitor': 'auc'},
    'tables_learning_rate': {'optimizer.tables_learning_rate': 0.02},
    'clip_norm': {'optimizer.clip_norm': 0.05},
    'row_clip': {'optimizer.row_clip': 0.5, 'optimizer.row_clip_floor': 1e-3},
    'weight_decay': {'optimizer.weight_decay': 0.1},
    'tables_weight_decay': {'optimizer.tables_weight_decay': 0.1} | DENSE,
    'l2_params': {'optimizer.l2_params': 0.01},
    'l2_rows': {'optimizer.l2_rows': 0.01},
    'l2_tables': {'optimizer.l2_tables': 0.01} | DENSE,
    'positive_weight': {'training.positive_weight': 3.0},
    'negatives_kept': {'training.negatives_kept': 0.3},
    'stop_patience': {'training.stop_patience': 4, 'training.monitor': 'auc_minus_logloss'},
    'stop_after_increases': {'training.stop_after_increases': 4, 'training.monitor': 'auc'},
    'not_finite': {'training.not_finite': 'skip'},
    'initial values': {
        'model.name': 'autoint',
        'model.num_layers': 1,
        'model.head_dim': 2,
        'model.wide': True,
        'model.kernel_init': 'xavier_normal',
        'model.embedding_stddev': 0.01,
    },
    'all of sparse tables': {
        'optimizer.schedule': 'linear',
        'optimizer.warmup_steps': 3,
        'optimizer.plateau_factor': 0.3,
        'optimizer.tables_learning_rate': 0.05,
        'optimizer.clip_norm': 0.05,
        'optimizer.row_clip': 0.5,
        'optimizer.weight_decay': 0.1,
        'optimizer.l2_rows': 0.01,
        'optimizer.l2_params': 0.01,
        'training.positive_weight': 2.0,
        'training.negatives_kept': 0.8,
        'training.monitor': 'auc_minus_logloss',
        'training.stop_patience': 5,
    }
    | ENDED,
    'rules of BARS': {
        'optimizer.clip_norm': 0.05,
        'optimizer.plateau_factor': 0.1,
        'optimizer.plateau_least': 1e-3,
        'optimizer.l2_tables': 0.01,
        'training.monitor': 'auc',
        'training.stop_patience': 4,
    }
    | DENSE,
    'lazy_adam': {'optimizer.tables': 'lazy_adam', 'optimizer.clip_norm': 0.05, 'optimizer.plateau_factor': 0.3},
    'rowwise_adagrad': {'optimizer.tables': 'rowwise_adagrad', 'optimizer.warmup_steps': 50, 'optimizer.clip_norm': 1},
    WEIGHTED_ROWS: {
        'optimizer.plateau_factor': 0.3,
        'training.monitor': 'weighted_logloss',
        'training.batch_size': 16,
        'execution.slice_rows': 16,
        'training.epochs': 22,
    },
}


def config_of(rule: str) -> Config:
    if rule == WEIGHTED_ROWS:
        return replace(WEIGHTED, LONG | RULES[rule])
    return replace(TINY, LONG | RULES[rule])


def train(data_dir: str, rule: str, folder: str, *runs: str) -> None:
    """Trains some runs one after the other: `alone`, `killed`, `copies` (two seeds).

    Those with `longer` in their name are complete at first, by fewer epochs and a stricter early stop.

    A run with the ending KILLED ends at a step, and this process with it.
    """
    Pace.took = lambda self, steps, seconds: None  # chunks of eight steps
    config = config_of(rule)
    data = open_prepared(data_dir, config.data.dataset, config.data.recipe)
    for run in runs:
        kills, path = run.endswith(KILLED), pathlib.Path(folder, run.removesuffix(KILLED))
        chosen, reporter = config, Told()
        if kills:
            chosen = replace(config, OFTEN)
            reporter = Ending(KILLED_AT, lambda: os.kill(os.getpid(), signal.SIGKILL))
        stops = {option: 1 for option in RULES[rule] if option.startswith('training.stop_')}
        of_run = [replace(config, {'training.epochs': 2} | stops)] if 'longer' in path.name else []
        for of in [*of_run, chosen]:
            if 'copies' in path.name:
                configs = [replace(of, {'seed': seed}) for seed in (0, 1)]
                fit_copies(configs, data, [path / '0', path / '1'], reporter)
            else:
                fit(of, data, path, reporter)


@pytest.mark.parametrize('rule', RULES)
def test_runs_end_as_those_left_alone(rule, forks, data_dir, weighted, tmp_path):
    folder = weighted.folder.parents[1] if rule == WEIGHTED_ROWS else data_dir
    for runs in (['alone', f'killed{KILLED}'], ['killed', f'copies{KILLED}'], ['copies', 'longer']):
        done = forks.run([str(folder), rule, str(tmp_path), *runs], ROOT, code=TRAIN)
        assert done.returncode == (-signal.SIGKILL if runs[-1].endswith(KILLED) else 0), done.stderr
    config = config_of(rule)
    data = open_prepared(folder, config.data.dataset, config.data.recipe)
    whole = outcome(tmp_path / 'alone', data, config)
    for run in ('killed', 'copies/0', 'longer'):
        assert outcome(tmp_path / run, data, config) == whole, run
    if config.optimizer.plateau_factor:
        before = [one for one in read_evaluations(tmp_path / 'alone') if one.step < KILLED_AT]
        assert lowered_rates(config, before)['learning_rate'] < 0.5 * config.optimizer.learning_rate


@pytest.mark.parametrize('rule', ['rules of BARS', 'all of sparse tables'])
def test_longer_copies_end_as_copies_left_alone(rule, forks, data_dir, tmp_path):
    done = forks.run([str(data_dir), rule, str(tmp_path), 'copies', 'longer_copies'], ROOT, code=TRAIN)
    assert done.returncode == 0, done.stderr
    config = config_of(rule)
    data = open_prepared(data_dir, config.data.dataset, config.data.recipe)
    for seed in (0, 1):
        of_seed = replace(config, {'seed': seed})
        found, whole = (outcome(tmp_path / run / str(seed), data, of_seed) for run in ('longer_copies', 'copies'))
        assert found == whole
