"""The rate of predict.py beside that of the model alone and of reading alone, and its memory.

Claim: on a file in the shape of Criteo, rows are scored at nine tenths or more of the rate of the slower one of the
model alone and of reading alone. Five times as many rows take at most 15 % more memory.

    python experiments/predict_rate.py

AutoInt is trained on generated rows for an epoch. Three things are measured in turn: the model on rows that are encoded
already; reading, which finds, parses and encodes the rows of a file; and both together, with the writing of the scores.
For the memory, predict.py scores a folder with the file once and one with it five times. The CPU time is measured, too,
because a machine that does other work has no rate of its own. Time on two CPU cores: about ten minutes. PASS: both
claims hold. Writes results/benchmarks/predict_rate.json; --quick writes nothing and judges nothing.
"""

import pathlib
import sys

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command

_ROWS = flags.DEFINE_integer('rows', 1_000_000, 'Number of rows of the file.', lower_bound=1000)
_TRAIN_ROWS = flags.DEFINE_integer('train_rows', 100_000, 'Number of rows of the training file.', lower_bound=1000)
_WINDOWS = flags.DEFINE_integer('windows', 3, 'How often each rate is measured.', lower_bound=1)
_QUICK = flags.DEFINE_boolean('quick', False, 'Few rows, no record and no verdict.')
_RESULTS_DIR = flags.DEFINE_string('results_dir', 'results/benchmarks', 'Folder of records.')

if __name__ == '__main__':
    command.parse()

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from autoint_jax.benchmarks.report import table, write_record
from autoint_jax.data.generated.shapes import FILES, SHAPES
from autoint_jax.data.preparation.progress import SilentPreparation
from autoint_jax.data.store.columns import Columns
from autoint_jax.errors import UsageError
from autoint_jax.scoring.output import scores_file
from autoint_jax.scoring.predictor import Predictor, scorer_of
from autoint_jax.training.trained import TrainedRun, open_scorer

SCRIPTS = pathlib.Path(__file__).parents[1] / 'scripts'
SHAPE, RECIPE = 'criteo', 'autoint'
CONFIG = f"""
data.dataset = '{SHAPE}'
data.recipe = '{RECIPE}'
model.name = 'autoint'
model.embedding_dim = 16
model.num_layers = 3
model.head_dim = 32
training.epochs = 1
training.batch_size = 1024
optimizer.tables = 'deferred_adam'
"""
QUICK_ROWS = 5000
LEAST_SHARE, TIMES, MOST_MEMORY = 0.9, 5, 1.15
MODEL, READING, WHOLE = 'the model alone', 'reading alone', 'predict'


class Window(NamedTuple):
    """What was measured once.

    Attributes:
      rate: rows a second.
      cpu: seconds of CPU time for a million rows.
    """

    rate: float
    cpu: float


def main(argv: list[str]) -> int:
    count, train = (QUICK_ROWS, QUICK_ROWS) if _QUICK.value else (_ROWS.value, _TRAIN_ROWS.value)
    with tempfile.TemporaryDirectory(prefix='predict_rate_') as name:
        folder = pathlib.Path(name)
        run_dir = _trained(folder, train)
        (file,) = SHAPES[SHAPE](folder / 'new', count, 1)
        windows = _windows(open_scorer(run_dir, str(folder / 'data'), None), file, folder)
        memory = {copies: _memory(folder, run_dir, file, copies) for copies in (1, TIMES)}
    medians = {name: Window(*map(statistics.median, zip(*own, strict=True))) for name, own in windows.items()}
    share = medians[WHOLE].rate / min(medians[MODEL].rate, medians[READING].rate)
    cpu_share = max(medians[MODEL].cpu, medians[READING].cpu) / medians[WHOLE].cpu
    growth = memory[TIMES] / memory[1]
    rows = [(name, own.rate, own.cpu) for name, own in medians.items()]
    print('\n'.join(table(('measured', 'rows/s', 'CPU seconds of a million rows'), rows)))
    print(f'{WHOLE} has {share:.3f} of the rate of the slower one; by CPU time {cpu_share:.3f}')
    print(
        f'{count:,} rows take {memory[1] >> 20:,} MiB of memory, {TIMES * count:,} rows {memory[TIMES] >> 20:,} MiB: '
        f'{growth:.2f} times as much'
    )
    if _QUICK.value:
        print('quick: no verdict')
        return 0
    good = share >= LEAST_SHARE and growth <= MOST_MEMORY
    figures = {
        'shape': SHAPE,
        'rows': count,
        'windows': {name: [one._asdict() for one in own] for name, own in windows.items()},
        'share': share,
        'share_by_cpu_time': cpu_share,
        'memory_bytes': {f'{copies * count} rows': size for copies, size in memory.items()},
    }
    path = pathlib.Path(_RESULTS_DIR.value, 'predict_rate.json')
    write_record(path, 'predict_rate', figures, ['experiments/predict_rate.py', *sys.argv[1:]])
    print(f'{path}: {"PASS" if good else "FAIL"}')
    return 0 if good else 3


def _trained(folder: pathlib.Path, rows: int) -> pathlib.Path:
    """Generates and prepares rows, trains a run on them, and returns its folder."""
    SHAPES[SHAPE](folder / 'raw', rows, 0)
    data, run_dir = f'--data_dir={folder / "data"}', folder / 'run'
    (folder / 'run.toml').write_text(CONFIG)
    _command('prepare_data', f'--dataset={SHAPE}', f'--recipe={RECIPE}', f'--raw_dir={folder / "raw"}', data)
    _command('train', f'--config={folder / "run.toml"}', data, f'--run_dir={run_dir}')
    return run_dir


def _windows(run: TrainedRun, file: pathlib.Path, folder: pathlib.Path) -> dict[str, list[Window]]:
    """Measures the model, reading, and both, in turn."""
    scorer, quiet = scorer_of(run), SilentPreparation()

    def predictor() -> Predictor:
        return Predictor(run, (), 0.001, scorer)

    held = _first_rows(predictor(), file, scorer.rows)

    def model() -> int:
        blocks = max(1, _ROWS.value // scorer.rows) if not _QUICK.value else 1
        waiting: list[jax.Array] = []
        for _ in range(blocks):
            waiting += scorer(run.state.variables, run.state.tables, held)
            if len(waiting) > 2:
                np.asarray(waiting.pop(0))
        for logits in waiting:
            np.asarray(logits)
        return blocks * len(held)

    def reading() -> int:
        return sum(len(block.columns) for block in predictor().encoded([file], quiet))

    def whole() -> int:
        own = predictor()
        with scores_file(str(folder / 'scores.parquet'), own.empty()) as write:
            for scores in own.scores([file], quiet):
                write(scores)
        return own.rows

    measured = {MODEL: model, READING: reading, WHOLE: whole}
    windows: dict[str, list[Window]] = {name: [] for name in measured}
    whole()  # compiles the model, and fills the cache of files
    for _ in range(_WINDOWS.value):
        for name, once in measured.items():
            windows[name].append(_window(once))
    return windows


def _first_rows(predictor: Predictor, file: pathlib.Path, rows: int) -> Columns:
    """Returns the first rows of a file, encoded: as many as the model scores at once, or all if they are fewer."""
    found: list[Columns] = []
    for block in predictor.encoded([file], SilentPreparation()):
        found.append(block.columns)
        if sum(map(len, found)) >= rows:
            break
    joined = (np.concatenate([getattr(own, name) for own in found]) for name in ('ids', 'numeric', 'labels'))
    return Columns(*joined).part(slice(rows))


def _window(once: Callable[[], int]) -> Window:
    begun, cpu = time.perf_counter(), time.process_time()
    rows = once()
    return Window(rows / (time.perf_counter() - begun), 1e6 * (time.process_time() - cpu) / rows)


def _memory(folder: pathlib.Path, run_dir: pathlib.Path, file: pathlib.Path, copies: int) -> int:
    """Returns the most bytes of memory that predict.py takes for a folder with a file so many times."""
    inputs = folder / f'{copies}_files'
    inputs.mkdir()
    for number in range(copies):
        os.link(file, inputs / f'{number}_{FILES[SHAPE][0]}')
    return _command('predict', f'--run_dir={run_dir}', f'--input={inputs}', f'--output={folder / "scores.csv"}')


def _command(script: str, *arguments: str) -> int:
    """Runs a command of the project, and returns the most bytes of memory that it took.

    Raises UsageError if it fails.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPTS / f'{script}.py'), *arguments], stdout=subprocess.DEVNULL, stderr=said
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise UsageError(f'{script}.py {" ".join(arguments)} failed: {said.read()[-500:].decode().strip()}')
    return used.ru_maxrss * 1024


if __name__ == '__main__':
    command.run(main)
