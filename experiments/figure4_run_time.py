"""Figure 4: the seconds that each model needs for an epoch.

Claim: LR is the fastest; FM takes about NFM's time; AutoInt is comparable to DeepCrossing and NFM; CIN is much slower;
HOFM is the slowest on KDD12 (paper, text to Figure 4, which gives no numbers).

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/figure4_run_time.py --dataset=movielens_1m            # nothing else may run on the machine

It measures the compiled training step on the prepared rows, with each model's configuration of experiments/configs.
Models that the paper does not have are measured beside its own. Those without a configuration take that of AutoInt,
with the options of `benchmark.py --suite=models`. Each model has five windows of two seconds, in turn with the others.
The median window gives the seconds of an epoch. Compilation, evaluation and checkpoints are not measured. Time: about
five minutes on two CPU cores. It trains no run, and each call measures again.

PASS: of the paper's models LR takes the fewest seconds, and CIN at least twice as many as AutoInt. The other
comparisons are shown as ratios without a verdict. The paper timed a GPU, where networks this small most likely wait for
kernels to start. On a CPU a model takes as long as its arithmetic: on MovieLens-1M the forward pass of a row needs
about 280,000 multiplications in AutoInt (three layers, 7 fields), 90,000 in DeepCrossing and 3,600 in NFM. Expected,
depending on the processor: AutoInt takes 2.5 to 2.8 times as long as DeepCrossing and 8 to 14 times as long as NFM,
which also moves rows of tables. Writes results/figure4_run_time_DATASET.{json,csv,png}.
"""

import dataclasses

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.config import configuration

flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.benchmarks import comparisons, report
from autoint_jax.benchmarks.run_time import save_bars, training_rates
from autoint_jax.benchmarks.windows import Timing
from autoint_jax.config.configuration import Config
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.reproduction.paper import run_time
from autoint_jax.training.run_folder import provenance

TIMING, QUICK_TIMING = Timing(windows=5, seconds=2.0), Timing(windows=1, seconds=0.1)


@common.experiment
def main(argv: list[str]) -> int:
    common.start_cache()
    machine = report.machine()  # read before the windows, which make the machine busy
    device = provenance.device()
    measured_on = f'{machine["cores"]} CPU cores ({machine["cpu"]})' if device.platform == 'cpu' else device.kind
    configs = {model: _config(model) for model in (*run_time.MODELS, *run_time.others())}
    data = open_prepared(common.DATA_DIR.value, configs['lr'].data.dataset, configs['lr'].data.recipe)
    timing = QUICK_TIMING if common.QUICK.value else TIMING
    rates = training_rates(configs, data, timing)
    train_rows = data.manifest['splits']['train']['rows']
    rows = run_time.timed(rates, train_rows)
    claims = run_time.claims(rows)
    comparison.show(
        f'Figure 4, {common.DATASET.value}, {train_rows:,} rows an epoch',
        ['model', 'seconds an epoch', 'rows/s', 'times LR', 'times AutoInt'],
        [
            [
                row['model'],
                f'{row["epoch_seconds"]:.3f}',
                f'{row["rows_per_second"]:,.0f}',
                f'{row["times_lr"]:.1f}',
                f'{row["times_autoint"]:.3f}',
            ]
            for row in rows
        ],
    )
    comparison.show(
        'claims of the paper',
        ['claim', 'seconds here', 'ratio', 'verdict'],
        [[claim['claim'], claim['of'], f'{claim["ratio"]:.2f}', claim['verdict'] or '-'] for claim in claims],
    )
    print(f'{run_time.CRITERION}\n{run_time.NO_VERDICT}')
    passed = all(claim['verdict'] != comparison.verdict(False) for claim in claims)
    path = common.results_dir() / f'{run_time.NAME}_{common.DATASET.value}'
    write_table(
        path,
        rows,
        {
            'figure': 'Figure 4',
            'dataset': common.DATASET.value,
            'train_rows': train_rows,
            'criterion': run_time.CRITERION,
            'no_verdict': run_time.NO_VERDICT,
            'claims': claims,
            'verdict': comparison.verdict(passed),
            'windows': timing.windows,
            'seconds_of_window': timing.seconds,
            'rates': rates,
            'configs': {model: configuration.to_tree(config) for model, config in configs.items()},
            'machine': machine,
            'measured_on': measured_on,
            'data_hash': data.hash,
        },
    )
    save_bars(
        {row['model']: row['epoch_seconds'] for row in rows},
        'autoint',
        f'{common.DATASET.value}, {measured_on}',
        path.with_suffix('.png'),
    )
    print(f'wrote {path}.json, .csv and .png')
    return 0 if passed else 3


def _config(model: str) -> Config:
    """Returns the configuration of a model for the data set; one without a file has the options of the suite."""
    if common.config_path(model).exists():
        return common.base_config(model)
    base = common.base_config('autoint')
    options = ModelConfig(embedding_dim=base.model.embedding_dim)
    return configuration.replace(dataclasses.replace(base, model=options), comparisons.MODELS[model])


if __name__ == '__main__':
    command.run(main)
