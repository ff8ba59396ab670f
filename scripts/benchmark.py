"""Measures how fast this project is on made-up data, beside peers, goals and the peaks of the machine.

    python scripts/benchmark.py --shape=ml1m
    python scripts/benchmark.py --shape=ml1m --peer='COMMAND --shape ml1m --windows 1' --record=FILE
    python scripts/benchmark.py --suite=table_growth
    python scripts/benchmark.py --suite=gpu --record=results/benchmarks/gpu.json

Suites: step (a whole training step), shapes (steps of AutoInt with nine sizes), models (steps of other models),
inference (scoring), epoch (the training loop beside the step), table_growth (step time and memory by number of table
rows), batch_growth (step time by batch size), replicas (copies in one program), data (making batches), gpu (checks and
everything about a GPU, in less than eight minutes; also as `make gpu`).

A peer is a command that prints a JSON line with `examples_per_second`; for the suites shapes and models, names such as
{batch} or {model} in it are replaced. Candidates are measured in turn, so nothing else should run on the machine, and
figures are medians of windows. Shapes: ml1m (8 fields, 3,500 features) and criteo (39 fields,
1,000,000 features). The model is AutoInt as in the paper: d = 16, 3 layers, 2 heads of 32. For the suite replicas a
shape can also be a case of the suite shapes, such as small, which has sizes and a batch of its own.
"""

import pathlib
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command
from autoint_jax.config.configuration import Config, replace
from autoint_jax.cores import usable_cores
from autoint_jax.errors import UsageError, nearest

_SUITE = flags.DEFINE_string('suite', 'step', 'Suite to measure, one of those above.')
_SHAPE = flags.DEFINE_string('shape', 'ml1m', 'Shape of the data: ml1m or criteo; for replicas also a case of shapes.')
_BATCH = flags.DEFINE_integer(
    'batch', None, 'Rows of a step (by default 1024), or rows scored at a time (8192).', lower_bound=1
)
_FORM = flags.DEFINE_string('form', 'automatic', 'Form of the interacting layers, as in --config.execution.form.')
_DTYPE = flags.DEFINE_string('dtype', 'float32', 'Type of their products, as in --config.model.compute_dtype.')
_TABLES = flags.DEFINE_string('tables', 'deferred_adam', 'Optimizer of tables, as in --config.optimizer.tables.')
_DETERMINISTIC = flags.DEFINE_boolean(
    'deterministic', True, 'Whether a GPU sums in one order, as in --config.execution.deterministic.'
)
_VARIANT = flags.DEFINE_string('variant', 'paper', 'Variant of AutoInt, as in --config.model.variant.')
_PEER = flags.DEFINE_multi_string('peer', [], 'Command of a peer to measure in turn. You may repeat this flag.')
_ONLY = flags.DEFINE_list('only', [], 'Cases of the suites shapes and models; by default all.')
_ROWS = flags.DEFINE_integer(
    'rows',
    None,
    'Number of training rows (epoch; by default 131072) or of rows in files (data; 1000000).',
    lower_bound=8,
)
_TABLE_ROWS = flags.DEFINE_list(
    'table_rows', ['60000', '1000000', '6000000'], 'Numbers of table rows, at least 1,000 each.'
)
_BATCHES = flags.DEFINE_list(
    'batches', None, 'Batch sizes; by default 256 to 16384 (batch_growth; on a GPU 65536), or 1024 to 65536 (data).'
)
_COPIES = flags.DEFINE_list('copies', None, 'Numbers of copies; by default 1 to 8, on a GPU 32.')
_WINDOWS = flags.DEFINE_integer(
    'windows', None, 'Number of windows of each candidate; by default 5, for gpu 3.', lower_bound=1
)
_SECONDS = flags.DEFINE_float('seconds', None, 'Seconds of a window; by default 2, for gpu 0.5.', lower_bound=0.001)
_QUICK = flags.DEFINE_boolean(
    'quick',
    False,
    'Try a suite out: peaks are measured from small arrays. gpu is small throughout and runs without a GPU.',
)
_RECORD = flags.DEFINE_string('record', None, 'JSON file to write the figures to.')

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import jax

from autoint_jax.benchmarks import comparisons, epoch, feeding, gpu, growth, replicas, report, speed
from autoint_jax.benchmarks.autoint_sizes import AUTOINTS, sized
from autoint_jax.benchmarks.report import Outcome
from autoint_jax.benchmarks.shapes import SHAPES
from autoint_jax.benchmarks.windows import Timing
from autoint_jax.training.step import placement


class Suite(NamedTuple):
    """A suite of benchmarks.

    Attributes:
      title: its name in records.
      run: measures it.
      flags: the flags that it reads beside those that all suites read.
    """

    title: str
    run: Callable[[], Outcome]
    flags: set[str]


def _config(batch: int) -> Config:
    return replace(
        Config(),
        {
            'training.batch_size': _BATCH.value or batch,
            'execution.form': _FORM.value,
            'execution.deterministic': _DETERMINISTIC.value,
            'model.compute_dtype': _DTYPE.value,
            'model.variant': _VARIANT.value,
            'optimizer.tables': _TABLES.value,
        },
    )


def _shape(*others: str) -> str:
    known = list(dict.fromkeys([*SHAPES, *others]))
    if _SHAPE.value not in known:
        raise UsageError(f'unknown shape {_SHAPE.value!r}{nearest(_SHAPE.value, known)}; known: {", ".join(known)}')
    return _SHAPE.value


def _timing(windows: int = 5, seconds: float = 2.0) -> Timing:
    return Timing(_WINDOWS.value or windows, _SECONDS.value or seconds)


def _numbers(flag: flags.FlagHolder, default: list[int], least: int = 1) -> list[int]:
    if flag.value is None:
        return default
    if not flag.value or not all(item.isdecimal() and len(item) < 16 and int(item) >= least for item in flag.value):
        raise UsageError(
            f'--{flag.name}={",".join(flag.value)} must be whole numbers of at least {least}, such as '
            f'--{flag.name}={",".join(map(str, default))}'
        )
    return [int(item) for item in flag.value]


def _powers(first: int, last: int) -> list[int]:
    return [1 << power for power in range(first, last + 1)]


def _on_gpu() -> bool:
    return jax.default_backend() == 'gpu'


def _gpu() -> Outcome:
    figures: dict[str, Any] = {}
    for name, outcome in gpu.gpu(_config(1024), _timing(3, 0.5), quick=_QUICK.value):
        print(f'\n{name}', *outcome.lines, sep='\n', flush=True)
        figures[name] = outcome.figures
        _write(figures)  # after each part, so that an interruption loses only one part
    if bad := [name for name, part in figures.items() if part.get('bad')]:
        raise UsageError(f'checks of this device are bad, see the lines above: {", ".join(bad)}')
    return Outcome([], figures)


def _replicas() -> Outcome:
    name, config = _shape(*AUTOINTS), _config(1024)
    if name not in SHAPES:
        config = sized(config, AUTOINTS[name]._replace(batch=_BATCH.value or AUTOINTS[name].batch))
    return replicas.replicas(
        config, name, _numbers(_COPIES, _powers(0, 5 if _on_gpu() else 3)), _timing(), quick=_QUICK.value
    )


MODEL = {'form', 'dtype', 'tables', 'variant', 'batch', 'quick', 'deterministic'}
SUITES = {
    'step': Suite(
        'training step',
        lambda: speed.step(_config(1024), _shape(), _PEER.value, _timing(), quick=_QUICK.value),
        MODEL | {'shape', 'peer'},
    ),
    'shapes': Suite(
        'shapes of AutoInt',
        lambda: comparisons.shapes(_config(1024), _ONLY.value, ['heads'], _PEER.value, _timing(), quick=_QUICK.value),
        MODEL - {'batch', 'form'} | {'peer', 'only'},
    ),
    'models': Suite(
        'models',
        lambda: comparisons.models(_config(1024), _ONLY.value, _shape(), _PEER.value, _timing(), quick=_QUICK.value),
        MODEL - {'form', 'variant'} | {'shape', 'peer', 'only'},
    ),
    'inference': Suite(
        'inference',
        lambda: speed.inference(_config(8192), _shape(), _PEER.value, _timing(), quick=_QUICK.value),
        MODEL | {'shape', 'peer'},
    ),
    'epoch': Suite(
        'epoch',
        lambda: epoch.epoch(_config(1024), _shape(), _ROWS.value or 131072, _timing(), quick=_QUICK.value),
        MODEL | {'shape', 'rows'},
    ),
    'table_growth': Suite(
        'table growth',
        lambda: growth.table_growth(
            _config(1024), _numbers(_TABLE_ROWS, [60_000, 1_000_000, 6_000_000], 1000), _timing(), quick=_QUICK.value
        ),
        MODEL | {'table_rows'},
    ),
    'batch_growth': Suite(
        'batch growth',
        lambda: growth.batch_growth(
            _config(1024),
            _shape(),
            _numbers(_BATCHES, [256, 1024, 4096, 8192, 16384] + [32768, 65536] * _on_gpu()),
            _timing(),
            quick=_QUICK.value,
        ),
        MODEL - {'batch'} | {'shape', 'batches'},
    ),
    'replicas': Suite('replicas', _replicas, MODEL | {'shape', 'copies'}),
    'data': Suite(
        'data',
        lambda: feeding.data(
            _shape(),
            _ROWS.value or 1_000_000,
            _numbers(_BATCHES, [1024, 4096, 16384, 65536]),
            _timing(),
            quick=_QUICK.value,
        ),
        {'shape', 'rows', 'batches', 'quick'},
    ),
    'gpu': Suite('gpu', _gpu, MODEL - {'deterministic'}),
}


def main(argv: list[str]) -> None:
    if _SUITE.value not in SUITES:
        raise UsageError(
            f'unknown suite {_SUITE.value!r}{nearest(_SUITE.value, list(SUITES))}; known: {", ".join(SUITES)}'
        )
    suite = SUITES[_SUITE.value]
    if _SUITE.value == 'replicas':
        placement.split_cpu(usable_cores())
    for name in set().union(*(other.flags for other in SUITES.values())) - suite.flags:
        if flags.FLAGS[name].present:
            raise UsageError(f'--suite={_SUITE.value} does not read --{name}: leave it out')
    outcome = suite.run()
    for line in outcome.lines:
        print(line)
    _write(outcome.figures)


def _write(figures: dict) -> None:
    if _RECORD.value:
        report.write_record(pathlib.Path(_RECORD.value), SUITES[_SUITE.value].title, figures, sys.argv)


if __name__ == '__main__':
    command.run(main)
