"""What crossed fields that AutoInt finds add to logistic regression.

Claim: interactions that are detected in a trained network pay if a simpler model is given them (GLIDER, ICLR 2020).
AutoInt is trained, its pairs of fields are ranked by intervention on validation rows, and the K strongest become
crossed fields of LR. Test rows choose nothing. As a control, LR is also given 5 pairs that are drawn at random.

    python experiments/crosses.py --raw_dir=FOLDER
    python experiments/crosses.py --raw_dir=FOLDER --quick

    python scripts/generate_data.py --dataset=criteo --rows=150000 --raw_dir=FOLDER
    python scripts/prepare_data.py --dataset=criteo --recipe=autoint --raw_dir=FOLDER
    python experiments/crosses.py --dataset=criteo --recipe=autoint --raw_dir=FOLDER

The recipe must be prepared; the raw files are read again for each set of crosses. The generated Criteo has five planted
pairs of fields. Time: about twenty minutes of two CPU cores, most of it for AutoInt. A run with a record under
results/runs is not trained again, and crosses that are in RUNS_DIR are not chosen again. Expected: with 5 crosses the
AUC of LR is higher than without, and than with 5 random ones; both 95 % intervals, paired by seed, are above 0. Writes
results/crosses_DATASET.{json,csv}.
"""

import pathlib

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.config import configuration
from autoint_jax.errors import UsageError

_SEEDS = common.define_seeds()
_RAW_DIR = flags.DEFINE_string('raw_dir', None, 'Folder of the raw files of the data set.')
_RECIPE = flags.DEFINE_string('recipe', 'autoint_all_rows', 'Recipe to which crosses are added.')
_COUNTS = flags.DEFINE_list('counts', ['5', '10', '20'], 'Numbers of crosses.')
flags.adopt_module_key_flags(common)
flags.set_default(_SEEDS, 5)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import numpy as np

from autoint_jax import stored
from autoint_jax.config.configuration import Config
from autoint_jax.data.datasets import registry
from autoint_jax.data.datasets.declaration.crosses import Crosses, crosses_text, load_crosses
from autoint_jax.data.encoding.plan import CrossPlan
from autoint_jax.data.store.first_rows import write_first_rows
from autoint_jax.data.store.opening import folder_of, open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.evaluation.paired import PairedTests, paired_tests
from autoint_jax.interface.crosses import strong_pairs
from autoint_jax.records import comparison
from autoint_jax.records.completion import completed_seeds
from autoint_jax.records.runs import RunRecord
from autoint_jax.records.tables import write_table
from autoint_jax.training.loop import fit
from autoint_jax.training.progress import Bar
from autoint_jax.training.trained import open_run
from autoint_jax.units import counted

STRONG, RANDOM = 'strong', 'random'
JUDGED = 5  # crosses
DETECTOR_EPOCHS = 5  # at most; its pairs need no best AUC
RANDOM_SEED = 2020


def chosen_pairs(kind: str, ranked: list[CrossPlan], count: int) -> tuple[CrossPlan, ...]:
    """Returns the first of the ranked pairs, or pairs that are drawn from all of them."""
    if kind == STRONG:
        return tuple(ranked[:count])
    drawn = np.random.default_rng((RANDOM_SEED, count)).choice(len(ranked), count, replace=False)
    return tuple(ranked[number] for number in np.sort(drawn))


def ranked_pairs(config: Config, data: PreparedData) -> list[CrossPlan]:
    """Returns all pairs of fields as crosses, the strongest first; a file in RUNS_DIR keeps them.

    AutoInt is trained first, or resumed, if it is not complete.
    """
    path = pathlib.Path(common.RUNS_DIR.value) / f'crosses_{common.DATASET.value}_{data.hash[:12]}.yaml'
    if not path.exists():
        folder = path.with_suffix('')
        fit(config, data, folder, Bar())
        run = open_run(folder, common.DATA_DIR.value, None)
        names = data.schema.names
        pairs = strong_pairs(run, len(names) * (len(names) - 1) // 2)
        text = crosses_text(
            [pair.cross for pair in pairs],
            ['All pairs of fields, the strongest by intervention first.'],
            [f'strength {pair.strength:.4g} ({pair.low:.4g} to {pair.high:.4g})' for pair in pairs],
        )
        stored.write_text(path, text)
    return list(load_crosses(path).plans)


def crossed_data(crosses: Crosses) -> PreparedData:
    """Returns the data of the recipe with crosses, which is prepared if it is not there with these crosses."""
    dataset, recipe, data_dir = common.DATASET.value, _RECIPE.value, pathlib.Path(common.DATA_DIR.value)
    folder = folder_of(data_dir, dataset, crosses.recipe(recipe))
    wanted = [list(cross.fields) for cross in crosses.plans]
    if folder.exists():
        data = open_prepared(str(data_dir), dataset, folder.name)
        if [cross['fields'] for cross in data.manifest['parameters']['crosses']] == wanted:
            return data
        raise UsageError(f'{folder} has other crosses than {wanted}: remove it, or name another --data_dir')
    whole = data_dir / 'whole' if common.QUICK.value else data_dir
    options = registry.Options(crosses=crosses)
    data = registry.prepare(dataset, recipe, pathlib.Path(_RAW_DIR.value or ''), whole, options)
    if common.QUICK.value:
        write_first_rows(data, common.QUICK_ROWS, folder)
    return open_prepared(str(data_dir), dataset, folder.name)


def runs_on(data: PreparedData, config: Config, name: str) -> list[RunRecord]:
    """Returns the records of LR on data, after the missing runs are trained."""
    return completed_seeds(
        f'{common.DATASET.value}_lr{name}',
        configuration.replace(config, {'data.recipe': data.manifest['recipe']}),
        _SEEDS.value,
        data,
        runs_dir=pathlib.Path(common.RUNS_DIR.value),
        results_dir=common.results_dir(),
        reporter=Bar(),
    )


def row_of(kind: str, count: int, found: list[RunRecord], without: list[RunRecord]) -> dict[str, object]:
    """Returns the row of one set of crosses: figures, and the gains over LR without crosses, paired by seed."""
    row: dict[str, object] = {'crosses': kind, 'count': count}
    for figure, ours in comparison.test_figures(found).items():
        gain = gains(figure, found, without)
        row |= {figure: ours.mean, f'{figure}_deviation': ours.deviation, f'{figure}_gain': gain.difference.value}
        row |= {f'{figure}_gain_low': gain.difference.low, f'{figure}_gain_high': gain.difference.high}
    return row | {'values': found[0].embedding_parameters, 'runs': [record.run for record in found]}


def gains(figure: str, found: list[RunRecord], others: list[RunRecord]) -> PairedTests:
    """Compares a test figure of two settings, paired by seed."""
    return paired_tests([record.test[figure] for record in found], [record.test[figure] for record in others])


@common.experiment
def main(argv: list[str]) -> int:
    if _RAW_DIR.value is None:
        raise UsageError('--raw_dir=FOLDER must name the folder of raw files, from which crossed data is prepared')
    if not all(count.isdecimal() and 0 < len(count) < 6 and int(count) for count in _COUNTS.value):
        raise UsageError(f'--counts={",".join(_COUNTS.value)} is not a list of numbers of crosses such as 5,10,20')
    path = common.results_dir() / f'crosses_{common.DATASET.value}'
    common.keep_seeds(path)
    common.start(_SEEDS.value)
    counts = sorted({*map(int, _COUNTS.value), JUDGED})
    recipe = {'data.recipe': _RECIPE.value}
    lr, detector = (configuration.replace(common.base_config(model), recipe) for model in ('lr', 'autoint'))
    epochs = min(detector.training.epochs, DETECTOR_EPOCHS)
    data = open_prepared(common.DATA_DIR.value, common.DATASET.value, _RECIPE.value)
    ranked = ranked_pairs(configuration.replace(detector, {'training.epochs': epochs}), data)
    if counts[-1] > len(ranked):
        raise UsageError(f'--counts names {counts[-1]} crosses, and there are {len(ranked)} pairs of fields')
    without = runs_on(data, lr, '')
    wanted = [*((STRONG, count) for count in counts), (RANDOM, JUDGED)]
    found = {
        (kind, count): runs_on(
            crossed_data(Crosses(f'{kind}{count}', chosen_pairs(kind, ranked, count))), lr, f'_{kind}{count}'
        )
        for kind, count in wanted
    }
    rows = [row_of('none', 0, without, without)]
    rows += [row_of(kind, count, records, without) for (kind, count), records in found.items()]
    gained = gains('auc', found[STRONG, JUDGED], without)
    beside = gains('auc', found[STRONG, JUDGED], found[RANDOM, JUDGED])
    passed = min(gained.difference.low, beside.difference.low) > 0
    criterion = (
        f'With {JUDGED} crosses the AUC of LR is higher than without, and than with {JUDGED} random pairs: both 95 % '
        'intervals, paired by seed, are above 0'
    )
    comparison.show(
        f'LR with crosses, {common.DATASET.value}, {counted(_SEEDS.value, "seed")}',
        ['crosses', 'AUC', 'gain', '95 % interval', 'logloss', 'values'],
        [
            [
                f'{row["count"]} {row["crosses"]}',
                f'{row["auc"]:.4f}',
                f'{row["auc_gain"]:+.4f}',
                f'{row["auc_gain_low"]:+.4f} to {row["auc_gain_high"]:+.4f}',
                f'{row["logloss"]:.4f}',
                f'{row["values"]:,}',
            ]
            for row in rows
        ],
    )
    print(f'{criterion}: {comparison.verdict(passed)}')
    about: dict[str, object] = {
        'table': 'crosses',
        'dataset': common.DATASET.value,
        'recipe': _RECIPE.value,
        'criterion': criterion,
    }
    about |= {'verdict': comparison.verdict(passed), 'data_hash': data.hash, 'seeds': _SEEDS.value}
    about |= {'data_rows': sum(split['rows'] for split in data.manifest['splits'].values())}
    pairs: dict[str, object] = {'strongest': [list(cross.fields) for cross in ranked[: counts[-1]]]}
    pairs |= {'random': [list(cross.fields) for cross in chosen_pairs(RANDOM, ranked, JUDGED)]}
    pairs |= {'over_random': beside.difference._asdict()}
    write_table(path, rows, about | pairs)
    print(f'wrote {path}.json and .csv')
    return 0 if passed else 3


if __name__ == '__main__':
    command.run(main)
