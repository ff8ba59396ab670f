"""Tuning of a baseline: a grid of its regularisation and learning rate, trained as copies in one program.

Claim: what is said of a baseline below the paper's figure is said after its settings were searched.

    python experiments/tuning.py --dataset=movielens_1m --model=nfm
    python experiments/tuning.py --dataset=movielens_1m --model=afm

The best setting is that of the lowest validation logloss; test figures are shown for it alone, and recorded for all. Time on two CPU
cores: NFM (27 copies of at most 12 epochs) 12 minutes, AFM (6 copies of at most 15) an hour. Expected: the best setting within
0.01 of the paper's AUC; NFM's is not, nor is that of `experiments/torch_baselines.py`. Writes results/tuning_MODEL_DATASET.{json,csv}; a
complete run in RUNS_DIR is not trained again.
"""

import pathlib
import sys

import experiment_flags as common
from absl import app, flags

from autoint_jax import config as configuration
from autoint_jax.data.prepared import open_prepared
from autoint_jax.errors import UsageError, nearest, reported
from autoint_jax.sweeps import runs
from autoint_jax.sweeps.published import EFFECTIVENESS
from autoint_jax.training import devices
from autoint_jax.training import records as run_records
from autoint_jax.training.progress import Bar
from autoint_jax.training.replicas import fit_copies

flags.adopt_module_key_flags(common)
_MODEL = flags.DEFINE_string('model', 'nfm', 'Model to tune.')

# {model: options of its configuration file replaced for all copies, and lists of values as config.replicas takes them}
GRIDS = {
    'nfm': {'training.epochs': 12, 'training.stop_after_increases': 2, 'replicas.learning_rate': (3e-4, 1e-3, 3e-3),
            'replicas.embedding_dropout': (0.0, 0.3, 0.6), 'replicas.l2_rows': (0.0, 1e-5, 1e-4)},
    'afm': {'training.epochs': 15, 'training.stop_after_increases': 3, 'replicas.learning_rate': (2e-3, 5e-3, 1e-2),
            'replicas.l2_rows': (0.0, 3e-5)},
}


def main(argv: list[str]) -> None:
    common.start_cache()
    if _MODEL.value not in GRIDS:
        raise UsageError(f'this experiment has no grid of model {_MODEL.value!r}{nearest(_MODEL.value, list(GRIDS))}; '
                         f'it has: {", ".join(GRIDS)}')
    grid = GRIDS[_MODEL.value]
    quick = {'training.epochs': 1} if common.QUICK.value else {}
    configs = configuration.copies(configuration.replace(common.base_config(_MODEL.value), grid | quick))
    data = open_prepared(common.DATA_DIR.value, configs[0].data.dataset, configs[0].data.recipe)
    devices.split_cpu(len(configs))
    name = f'{common.DATASET.value}_{_MODEL.value}_tuning'
    folders = [pathlib.Path(common.RUNS_DIR.value, f'{name}-{configuration.fingerprint(config)}') for config in configs]
    results = fit_copies(configs, data, folders, Bar())
    varied = [configuration.OF_COPIES[path.removeprefix('replicas.')] for path in grid if path.startswith('replicas.')]
    rows = [{**{path: configuration.value(config, path) for path in varied}, 'valid_logloss': result['valid']['logloss'],
             'valid_auc': result['valid']['auc'], 'best_epoch': result['best_epoch'], 'epochs': result['epochs'],
             'test_logloss': result['test']['logloss'], 'test_auc': result['test']['auc'], 'run': folder.name}
            for config, result, folder in zip(configs, results, folders, strict=True) if not isinstance(result, UsageError)]
    if not rows:
        raise UsageError(f'all {len(configs)} copies of {_MODEL.value} diverged')
    rows.sort(key=lambda row: row['valid_logloss'])
    for row in rows:
        print(' '.join(f'{path}={row[path]:g}' for path in varied),
              f'valid logloss {row["valid_logloss"]:.4f} AUC {row["valid_auc"]:.4f}, best epoch {row["best_epoch"]:g}')
    paper, best = EFFECTIVENESS[_MODEL.value][common.DATASET.value], rows[0]
    print(f'best by valid logloss: test AUC {best["test_auc"]:.4f} (paper {paper.auc:.4f}), logloss {best["test_logloss"]:.4f}')
    path = common.results_dir() / f'tuning_{_MODEL.value}_{common.DATASET.value}'
    runs.write_table(path, rows, {
        'experiment': 'tuning', 'dataset': common.DATASET.value, 'model': _MODEL.value, 'criterion': 'lowest valid logloss',
        'paper_auc': paper.auc, 'diverged': len(configs) - len(rows), 'config': configuration.to_tree(configs[0]),
        'data_hash': data.hash, 'command': sys.argv, 'commit': run_records.commit(), 'versions': run_records.versions(),
        'device': run_records.device()})
    print(f'wrote {path}.json and .csv')


if __name__ == '__main__':
    app.run(reported(main))
