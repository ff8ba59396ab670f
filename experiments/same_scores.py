"""Scores of raw files beside the scores of the splits that were prepared from them.

Claim: they have the same bits, for every shape of data and for every model.

    python experiments/same_scores.py --movielens_dir=FOLDER
    python experiments/same_scores.py --quick

For each shape a raw file is prepared, AutoInt is trained on it for an epoch, predict.py scores the raw file, and
evaluate.py --predictions scores each split, all as commands in processes of their own. Then the bits of all logits are
compared, and all labels. The shapes are those of Criteo, Avazu and KDD12, a table with every kind of field and
transform, and MovieLens-1M: the published files in --movielens_dir, else generated ones. On the table with every kind
of field, every other model is compared too, from Python.

Time on two CPU cores: about 15 minutes; one to two with --quick. The exit status is 3 if a row differs. Writes
results/same_scores.{json,csv} after each case; what is not compared again stays there. --quick writes nothing.
"""

import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command

_ROWS = flags.DEFINE_integer('rows', 100_000, 'Number of rows of each generated file.', lower_bound=1000)
_MODEL_ROWS = flags.DEFINE_integer('model_rows', 20_000, 'Number of rows for the other models.', lower_bound=1000)
_SHAPES = flags.DEFINE_list('shapes', None, 'Shapes to compare; by default all. --shapes= is none.')
_MODELS = flags.DEFINE_list('models', None, 'Other models to compare; by default all. --models= is none.')
_MOVIELENS_DIR = flags.DEFINE_string('movielens_dir', None, 'Folder of the raw files of MovieLens-1M.')
_QUICK = flags.DEFINE_boolean('quick', False, 'Only few rows, two shapes and two other models, and no record.')
_RESULTS_DIR = flags.DEFINE_string('results_dir', 'results', 'Folder of records.')

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import numpy as np
import polars as pl

import autoint_jax
from autoint_jax import stored
from autoint_jax.data.datasets.movielens import split_rows
from autoint_jax.data.generated.every_kind import NAME, PART, PARTS, every_kind
from autoint_jax.data.generated.shapes import SHAPES
from autoint_jax.data.preparation.splits import authors_split
from autoint_jax.data.store.columns import SPLITS
from autoint_jax.errors import UsageError, nearest
from autoint_jax.models.registry import MODELS
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.scoring.split_scores import write_split
from autoint_jax.training.trained import open_run

SCRIPTS = pathlib.Path(__file__).parents[1] / 'scripts'
QUICK_ROWS, QUICK_SHAPES, QUICK_MODELS = 2000, ('movielens_1m', NAME), ('dnn', 'ft_transformer')
RECIPES = {'movielens_1m': 'autoint_all_rows', 'criteo': 'autoint', 'avazu': 'autoint', 'kdd12': 'autoint'}
AUTOINT = {'model.name': 'autoint', 'model.embedding_dim': 16, 'model.num_layers': 3, 'model.head_dim': 32}
TRAINING = {'training.epochs': 1, 'training.batch_size': 1024, 'optimizer.tables': 'deferred_adam'}
# Options of models, beside an embedding_dim of 16.
DEEP = {'model.deep_hidden': [400, 400]}
OPTIONS: dict[str, dict[str, Any]] = {
    'nfm': {'model.deep_hidden': [400]},
    'deep_crossing': {'model.unit_widths': [100, 100]},
    'cin': {'model.cin_widths': [64, 64]},
    'xdeepfm': {'model.cin_widths': [64, 64], **DEEP},
    'finalmlp': {**DEEP, 'model.second_hidden': [200, 200]},
    'finalnet': {**DEEP, 'model.second_hidden': [200]},
    'wukong': {
        'model.product_tokens': 8,
        'model.linear_tokens': 8,
        'model.product_rank': 8,
        'model.product_hidden': [100],
        **DEEP,
    },
    'rankmixer': {'model.num_tokens': 4, 'model.token_width': 32},
    'field_attention': {'model.head_dim': 16, 'model.value_dim': 16, 'model.field_projections': True},
    'heteroatt': {'model.head_dim': 16, 'model.value_dim': 16},
    'hiformer': {'model.head_dim': 16, 'model.value_dim': 16, 'model.joint_rank': 16, 'model.joint_value_rank': 16},
    **dict.fromkeys(('dnn', 'wide_deep', 'deepfm', 'masknet'), DEEP),
    # Powers of numeric fields: with more layers these models diverge.
    **{name: {'model.num_layers': 1, 'optimizer.learning_rate': 1e-5, **DEEP} for name in ('deep_cross', 'dcn_v2')},
}


def main(argv: list[str]) -> int:
    began, rows_of = time.time(), QUICK_ROWS if _QUICK.value else _ROWS.value
    shapes = _chosen(_SHAPES, [*RECIPES, NAME], QUICK_SHAPES)
    others = _chosen(_MODELS, [name for name in MODELS if name != 'autoint'], QUICK_MODELS)
    found = recorded({*((shape, 'autoint') for shape in shapes), *((NAME, model) for model in others)})
    with tempfile.TemporaryDirectory(prefix='same_scores_') as name:
        folder = pathlib.Path(name)
        for shape in shapes:
            found.append(of_shape(folder, shape, rows_of))
            tell(found, began)
        if others and not (_QUICK.value and NAME in shapes):
            made(folder, NAME, QUICK_ROWS if _QUICK.value else _MODEL_ROWS.value)
        for model in others:
            found.append(of_model(folder, model))
            tell(found, began)
    comparison.show('raw files beside their splits', list(found[0]), [list(map(str, row.values())) for row in found])
    if _QUICK.value:
        print('quick: no record')
    else:
        print(f'the scores have the same bits: {comparison.verdict(passed(found))}')
    return 0 if passed(found) else 3


def _chosen(flag: flags.FlagHolder, known: list[str], quick: Sequence[str]) -> list[str]:
    """Returns the names that a flag chooses, in the order of `known`. Raises UsageError if one is unknown."""
    if flag.value is None:
        return [name for name in known if name in quick or not _QUICK.value]
    for name in filter(None, flag.value):
        if name not in known:
            raise UsageError(f'--{flag.name} names {name!r}{nearest(name, known)}, and not one of {", ".join(known)}')
    return [name for name in known if name in flag.value]


def recorded(again: set[tuple[str, str]]) -> list[dict[str, Any]]:
    """Returns the rows of the record, without those of shapes and models that are compared again."""
    path = pathlib.Path(_RESULTS_DIR.value) / 'same_scores.json'
    if _QUICK.value or not path.exists():
        return []
    rows = stored.read_json(path, {'rows': list})['rows']
    return [row for row in rows if (row['shape'], row['model']) not in again]


def passed(found: list[dict[str, Any]]) -> bool:
    """Returns whether no row differs."""
    return all(row['rows'] > 0 and row['different'] == row['labels_different'] == 0 for row in found)


def tell(found: list[dict[str, Any]], began: float) -> None:
    """Says what was found last, and writes the record of all."""
    last = found[-1]
    print(f'{last["shape"]}, {last["model"]}: {last["rows"]:,} rows, {last["different"]:,} differ', flush=True)
    if not _QUICK.value:
        about = {
            'table': 'scores of raw files beside those of their splits',
            'seconds': time.time() - began,
            'verdict': comparison.verdict(passed(found)),
        }
        write_table(pathlib.Path(_RESULTS_DIR.value) / 'same_scores', found, about)


def of_shape(folder: pathlib.Path, shape: str, rows: int) -> dict[str, Any]:
    """Trains AutoInt on a shape, scores its raw file and its splits by commands, and compares them."""
    raw, run_dir = made(folder, shape, rows), folder / shape / 'run'
    data = ('csv', NAME) if shape == NAME else (shape, RECIPES[shape])
    options = AUTOINT | TRAINING | {'data.dataset': data[0], 'data.recipe': data[1]}
    (folder / 'run.toml').write_text('\n'.join(f'{key} = {value!r}' for key, value in options.items()))
    run('train', f'--config={folder / "run.toml"}', f'--data_dir={folder / "data"}', f'--run_dir={run_dir}')
    keep = [f'--keep={PART}'] if shape == NAME else []
    run('predict', f'--run_dir={run_dir}', f'--input={raw}', f'--output={folder / "raw.parquet"}', *keep)
    splits = {}
    for split in SPLITS:
        path = folder / f'{split}.parquet'
        given = [f'--run_dir={run_dir}', f'--data_dir={folder / "data"}', f'--split={split}', f'--predictions={path}']
        run('evaluate', *given)
        splits[split] = pl.read_parquet(path)
    return compared(shape, 'autoint', pl.read_parquet(folder / 'raw.parquet'), splits)


def of_model(folder: pathlib.Path, model: str) -> dict[str, Any]:
    """Trains a model on the table with every kind of field, and compares scores that Python programs get."""
    options = {'model.name': model, 'model.embedding_dim': 16} | OPTIONS.get(model, {}) | TRAINING
    if model == 'lr':
        del options['model.embedding_dim']
    data_dir, run_dir = folder / 'data', folder / f'run-{model}'
    trained = autoint_jax.train(options, NAME, data_dir=data_dir, run_dir=run_dir, quiet=True)
    opened, splits = open_run(run_dir, str(data_dir), None), {}
    for split in SPLITS:
        path = folder / f'{split}.parquet'
        write_split(opened, opened.data.split(split), opened.measures, str(path))
        splits[split] = pl.read_parquet(path)
    return compared(NAME, model, trained.predict(folder / NAME / 'raw' / f'{NAME}.csv', keep=[PART]), splits)


def made(folder: pathlib.Path, shape: str, rows: int) -> pathlib.Path:
    """Writes the raw file of a shape, prepares it in FOLDER/data, and returns its path; of MovieLens the folder's."""
    raw, data = folder / shape / 'raw', f'--data_dir={folder / "data"}'
    if shape == NAME:
        run('prepare_data', '--dataset=csv', f'--schema={every_kind(raw, rows, 0)}', data, '--overwrite')
        return raw / f'{NAME}.csv'
    if shape == 'movielens_1m' and _MOVIELENS_DIR.value:
        raw = pathlib.Path(_MOVIELENS_DIR.value).resolve()
    else:
        SHAPES[shape](raw, rows, 0)
    run('prepare_data', f'--dataset={shape}', f'--recipe={RECIPES[shape]}', f'--raw_dir={raw}', data)
    return raw if shape == 'movielens_1m' else next(path for path in raw.iterdir() if path.stem.startswith('train'))


def compared(shape: str, model: str, raw: pl.DataFrame, splits: dict[str, pl.DataFrame]) -> dict[str, Any]:
    """Compares the scores of a raw file with those of its splits, bit by bit, and its labels."""
    if shape == NAME:
        of_split = {split: np.flatnonzero(raw[PART].is_in(parts)) for split, parts in PARTS.items()}
    elif shape == 'movielens_1m':
        raw = raw.filter(pl.col('label').is_not_null())  # a rating of 3 is in no split
        of_split = split_rows(raw.height)
    else:
        numbers = authors_split(raw['label'].to_numpy())
        of_split = {split: np.flatnonzero(numbers == number) for number, split in enumerate(SPLITS)}
    count, different, wrong, largest = 0, 0, 0, 0.0
    for split, rows in of_split.items():
        if len(rows) != splits[split].height:
            raise UsageError(f'{shape}: the {split} split has {splits[split].height} rows, its raw file {len(rows)}')
        one, other = raw['logit'].to_numpy()[rows], splits[split]['logit'].to_numpy()
        count += len(rows)
        different += int((one.view(np.int32) != other.view(np.int32)).sum())
        wrong += int((raw['label'].to_numpy()[rows] != splits[split]['label'].to_numpy()).sum())
        largest = max(largest, float(np.abs(one - other).max()))
    distinct = raw['logit'].n_unique()
    return {
        'shape': shape,
        'model': model,
        'rows': count,
        'distinct_logits': distinct,
        'different': different,
        'labels_different': wrong,
        'largest_difference': largest,
    }


def run(script: str, *arguments: str) -> None:
    """Runs a command of the project. Raises UsageError if it fails."""
    done = subprocess.run([sys.executable, str(SCRIPTS / f'{script}.py'), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise UsageError(f'{script}.py {" ".join(arguments)} failed: {done.stderr[-500:].strip()}')


if __name__ == '__main__':
    command.run(main)
