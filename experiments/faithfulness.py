"""Planted interactions: which kinds of evidence find them, and what a map of attention is worth.

Claim: interventions tell which fields interact in a model; its attention tells it less well.

    python experiments/faithfulness.py
    python experiments/faithfulness.py --quick

Rows are generated whose logit is a sum of products over planted pairs and triples of fields, plus an effect of each
field by itself (autoint_jax/data/generated/planted.py). Each seed has its own rows, groups and initial state. A group
of fields interacts if it is planted or lies within a planted group. Models are trained on the rows. Each kind of
evidence ranks all pairs and all triples of fields by rows of the test split, and the AUC says how well it finds those
that interact. A kind that knows pairs only gives a triple the mean of its pairs. FT-Transformer shows no attention
over fields, so it has two kinds. It learns later than the others and is trained for more epochs. Of every model the
state of the best epoch on validation rows is explained.

Each finished run is kept in RUNS_DIR/faithfulness, and the same command goes on with the runs that are left. Two
processes divide them by --part=1/2 and --part=2/2; then the command without --part writes the record.

Time: 40 minutes of CPU; less than a minute with --quick. PASS: interventions rank all interacting pairs first, and all
interacting triples first, in at least 19 of 20 seeds, for every model and setting. Writes
results/faithfulness.{json,csv}; --quick writes nothing.
"""

import pathlib
import shutil
import tempfile
from typing import Any

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command

_SEEDS = flags.DEFINE_integer('seeds', 20, 'Number of seeds; seeds 0 to SEEDS - 1 are run.', lower_bound=1)
_SETTINGS = flags.DEFINE_list(
    'settings',
    ['sparse:1', 'dense:0.5'],
    'What is planted. Each setting is a density, sparse or dense, and a strength: the standard deviation of what a '
    'group adds to the logit.',
)
_ROWS = flags.DEFINE_integer('rows', 40_000, 'Rows of a data set.', lower_bound=1000)
_PART = flags.DEFINE_string('part', '', 'Only this part of the runs, such as 1/2, and no record.')
_QUICK = flags.DEFINE_boolean('quick', False, 'Only one seed with few rows and one setting, no verdict and no record.')
_RUNS_DIR = flags.DEFINE_string('runs_dir', 'runs', 'Folder of run folders.')
_RESULTS_DIR = flags.DEFINE_string('results_dir', 'results', 'Folder of records.')

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import itertools

import autoint_jax
from autoint_jax import stored
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.data.datasets import registry
from autoint_jax.data.generated import planted
from autoint_jax.data.store.opening import OWN_TABLE
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.ranking import auc
from autoint_jax.interface.loaded_run import LoadedRun
from autoint_jax.records import comparison
from autoint_jax.records.tables import check_seeds, write_table
from autoint_jax.reproduction.faithfulness import JUDGED, PAIRS, TRIPLES, WORDS, detection, of_triples, show, summary
from autoint_jax.training.compilation import cache_compilations, default_folder
from autoint_jax.training.loop import fit
from autoint_jax.training.progress import Silent
from autoint_jax.units import counted

FIELDS, VALUES, SINGLE = 8, 6, 0.3
DENSITIES = {'sparse': {'pairs': 1, 'triples': 1}, 'dense': {'pairs': 3, 'triples': 2}}
MODELS: dict[str, dict[str, Any]] = {
    'autoint, paper': {'model.name': 'autoint', 'model.variant': 'paper', 'model.head_dim': 8},
    'autoint, authors': {'model.name': 'autoint', 'model.variant': 'authors', 'model.head_dim': 8},
    'destine': {'model.name': 'destine', 'model.head_dim': 8},
    'ft_transformer': {'model.name': 'ft_transformer', 'training.epochs': 40, 'training.stop_after_increases': 5},
}
OPTIONS = {
    'model.embedding_dim': 8,
    'model.embedding_stddev': 0.1,
    'model.num_layers': 2,
    'model.num_heads': 2,
    'training.batch_size': 256,
    'training.epochs': 10,
    'training.stop_after_increases': 0,
    'optimizer.learning_rate': 7e-3,
}
OF_MODELS, OF_ATTENTION = ('intervention', 'shapley'), ('attention', 'rollout', 'gradient')
EXPLAINED_ROWS = 400
LEAST_SHARE = 0.95  # of the seeds
QUICK_SEEDS, QUICK_ROWS = 1, 2000


def main(argv: list[str]) -> int:
    settings = _settings()
    part, parts = _part()
    if _QUICK.value:
        settings = settings[:1]
    seeds = min(_SEEDS.value, QUICK_SEEDS) if _QUICK.value else _SEEDS.value
    rows = QUICK_ROWS if _QUICK.value else _ROWS.value
    path = pathlib.Path(_RESULTS_DIR.value) / 'faithfulness'
    if not _QUICK.value:
        check_seeds(path, seeds)
    if problem := cache_compilations(default_folder()):
        print(problem)
    with tempfile.TemporaryDirectory(prefix='faithfulness_') as name:
        kept = pathlib.Path(name if _QUICK.value else _RUNS_DIR.value, 'faithfulness')
        kept.mkdir(parents=True, exist_ok=True)
        runs = []
        for number, (seed, (strength, density)) in enumerate(itertools.product(range(seeds), settings)):
            if number % parts == part:
                runs += runs_of(pathlib.Path(name), kept, rows, strength, density, seed)
    if parts > 1:
        print(f'{kept} keeps {counted(len(runs), "run")}')
        return 0
    table = summary(sorted(runs, key=lambda run: (settings.index((run['strength'], run['density'])), run['seed'])))
    show(table)
    if _QUICK.value:
        print('quick: no verdict')
        return 0
    passed = all(row['first'] >= LEAST_SHARE * row['seeds'] for row in table if row['kind'] == JUDGED)
    criterion = (
        f'Interventions rank all interacting pairs first, and all interacting triples first, in at least '
        f'{LEAST_SHARE:.0%} of the seeds, for every model and setting'
    )
    print(f'{criterion}: {comparison.verdict(passed)}')
    about = {
        'table': 'planted interactions',
        'criterion': criterion,
        'verdict': comparison.verdict(passed),
        'seeds': list(range(seeds)),
        'data_rows': rows,
        'explained_rows': EXPLAINED_ROWS,
        'fields': FIELDS,
        'values_of_a_field': VALUES,
        'single': SINGLE,
        'densities': DENSITIES,
        'options': OPTIONS,
        'models': MODELS,
    }
    write_table(path, table, about)
    print(f'wrote {path}.json and .csv')
    return 0 if passed else 3


def runs_of(
    folder: pathlib.Path, kept: pathlib.Path, rows: int, strength: float, density: str, seed: int
) -> list[dict[str, Any]]:
    """Returns the records of all models on the rows of a seed, which are generated if a record is missing.

    Args:
      folder: folder of rows and run folders, which are deleted at the end.
      kept: folder of the records.
      rows, strength, density, seed: of the rows.
    """
    name = f'{density}_{strength:g}_{seed}'
    paths, configs = {}, {}
    for model, options in MODELS.items():
        config = configuration.replace(
            Config(), OPTIONS | options | {'seed': seed, 'data.dataset': OWN_TABLE, 'data.recipe': name}
        )
        if _QUICK.value:
            config = configuration.replace(config, {'training.epochs': 1})
        configs[model] = config
        paths[model] = kept / f'{name}_{options["model.name"]}_{rows}-{fingerprint(config)}.json'
    missing = [model for model, path in paths.items() if not path.exists()]
    if missing:
        found = planted.planted(FIELDS, VALUES, rows, strength=strength, single=SINGLE, seed=seed, **DENSITIES[density])
        data = registry.prepare_own(planted.write(found, folder, name), None, folder / 'data', registry.Options(0.0))
        test = found.part == planted.TEST
        best = auc(found.logit[test], found.label[test])
        for model in missing:
            run_dir = folder / f'{name}_{fingerprint(configs[model])}'
            result = fit(configs[model], data, run_dir, Silent())
            kinds = OF_MODELS if model == 'ft_transformer' else OF_MODELS + OF_ATTENTION
            detected = detections(autoint_jax.load(run_dir, data_dir=folder / 'data'), found, kinds)
            record = {
                'strength': strength,
                'density': density,
                'model': model,
                'seed': seed,
                'groups': found.groups,
                'test_auc': result.test['auc'],
                'best_auc': best,
                'found': detected,
            }
            stored.write_json(paths[model], record)
            shutil.rmtree(run_dir)
            first = ', '.join(f'{WORDS[order]} {detected[str(order)][JUDGED]["auc"]:.3f}' for order in (PAIRS, TRIPLES))
            print(
                f'{density}, strength {strength:g}, seed {seed}, {model}: test AUC {result.test["auc"]:.4f} (best '
                f'possible {best:.4f}); interventions find {first}',
                flush=True,
            )
    return [stored.read_json(path, mend='delete it, and run this command again') for path in paths.values()]


def detections(
    run: LoadedRun, found: planted.Planted, kinds: tuple[str, ...]
) -> dict[str, dict[str, dict[str, float | bool]]]:
    """Returns {order: {kind: AUC, and whether all interacting groups are first}} of a run."""
    names = found.names
    result: dict[str, dict[str, dict[str, float | bool]]] = {str(PAIRS): {}, str(TRIPLES): {}}
    for kind in kinds:
        strengths = {}
        for order in (PAIRS, TRIPLES):
            if order == PAIRS or kind in OF_MODELS:
                effects = run.interactions(split='test', order=order, kind=kind, most_rows=EXPLAINED_ROWS)
                strengths = dict(zip(effects.groups, effects.strength.tolist(), strict=True))
            else:
                strengths = of_triples(strengths)
            interacting = {tuple(names[field] for field in group) for group in found.interacting(order)}
            result[str(order)][kind] = detection(strengths, interacting)._asdict()
    return result


def _settings() -> list[tuple[float, str]]:
    """Returns the strength and the density of each setting. Raises UsageError if a setting is wrong."""
    found = []
    for setting in _SETTINGS.value:
        density, _, text = setting.partition(':')
        try:
            strength = float(text)
        except ValueError:
            strength = 0.0
        if density not in DENSITIES or not 0 < strength < 100:
            raise UsageError(
                f'--settings names {setting!r}, which is not a density ({", ".join(DENSITIES)}) and a strength above '
                '0, such as dense:0.5'
            )
        found.append((strength, density))
    return found


def _part() -> tuple[int, int]:
    """Returns the number of the part that is run, from 0, and the number of parts. Raises UsageError."""
    if not _PART.value:
        return 0, 1
    part, _, parts = _PART.value.partition('/')
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise UsageError(f'--part={_PART.value} is not a part such as 1/2')
    return int(part) - 1, int(parts)


if __name__ == '__main__':
    command.run(main)
