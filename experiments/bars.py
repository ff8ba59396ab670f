"""AutoInt as tuned by BARS: its published test figures beside ours, with a verdict for each model.

Claim: the settings of BARS, with FuxiCTR's training rules, give the figures that BARS publishes (one seed).

    python scripts/prepare_data.py --dataset=frappe_x1 --raw_dir=RAW_DIR
    python experiments/bars.py --dataset=frappe_x1 --models=autoint,autoint_plus --seeds=3

`criteo_x4` and `avazu_x4` are the data sets `criteo` and `avazu` prepared by the recipe `bars`. A run with a record
under results/runs is not trained again. Expected: AUC at most 0.001 below that of BARS, logloss at most 0.001 above it.
Data with other rows, such as generated files, is not judged. Writes results/bars_DATASET.{json,csv}.
"""

import contextlib
import pathlib

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.config import configuration
from autoint_jax.config.folder import CONFIGS
from autoint_jax.errors import UsageError, nearest

_SEEDS = common.define_seeds()
_MODELS = flags.DEFINE_list(
    'models',
    None,
    'Models to run, autoint or autoint_plus; by default all of the data set. Every model that has records is shown.',
)
flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.data.store.opening import open_prepared
from autoint_jax.records import comparison, runs
from autoint_jax.records.completion import completed_seeds
from autoint_jax.records.tables import seeds_of, write_table
from autoint_jax.reproduction import bars
from autoint_jax.training.progress import Bar


def _name(model: str) -> str:
    """Returns the name of the configuration of a model on the chosen data set, which is that of its runs."""
    return f'{common.DATASET.value}_{model}_bars'


@common.experiment
def main(argv: list[str]) -> int:
    common.start(_SEEDS.value)
    dataset, published = common.DATASET.value, common.published(bars.FIGURES)
    chosen = list(published) if _MODELS.value is None else _MODELS.value
    for model in chosen:
        if model not in published:
            raise UsageError(
                f'there are no settings of BARS for model {model!r} on {dataset} here'
                f'{nearest(model, list(published))}; there are those for: {", ".join(published)}'
            )
    configs = {model: configuration.load(CONFIGS / f'{_name(model)}.toml') for model in published}
    if common.QUICK.value:
        configs = {model: configuration.replace(of, {'training.epochs': 1}) for model, of in configs.items()}
        for other in {config.data.dataset for config in configs.values()} - {dataset}:
            common.shorten_data(other)
    path = common.results_dir() / f'bars_{dataset}'
    seeds = max(_SEEDS.value, seeds_of(path))  # a table never shows fewer than before
    rows, shown, of_models, remark = [], [], {}, ''
    for model, config in configs.items():
        data = open_prepared(common.DATA_DIR.value, config.data.dataset, config.data.recipe)
        remark = bars.other_rows(dataset, data.manifest['splits'])
        if model in chosen:
            completed_seeds(
                _name(model),
                config,
                _SEEDS.value,
                data,
                runs_dir=pathlib.Path(common.RUNS_DIR.value),
                results_dir=common.results_dir(),
                reporter=Bar(),
            )
        if not (found := runs.recorded_seeds(_name(model), config, seeds, data, common.results_dir())):
            continue
        ours = comparison.test_figures(found)
        with comparison.without_verdicts() if remark else contextlib.nullcontext():
            rows.append(bars.row(dataset, model, ours))
        shown.append(bars.cells(rows[-1], ours))
        of_models[model] = [record.run for record in found]
    if not rows:
        raise UsageError(
            f'no model of BARS has a record on {dataset!r} under {common.results_dir()}: name some in --models'
        )
    comparison.show(f'AutoInt as tuned by BARS, {dataset}', bars.COLUMNS, shown)
    print(remark or bars.CRITERION)
    about = {
        'table': 'BARS',
        'dataset': dataset,
        'criterion': remark or bars.CRITERION,
        'runs': of_models,
        'seeds': seeds,
    }
    write_table(path, rows, about)
    print(f'wrote {path}.json and .csv')
    return 3 if any(row['verdict'] == 'FAIL' for row in rows) else 0


if __name__ == '__main__':
    command.run(main)
