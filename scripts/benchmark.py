"""Measures a whole training step (tables and optimizer included) on a made-up shape, beside a peer if one is given.

    python scripts/benchmark.py --shape=ml1m
    python scripts/benchmark.py --shape=ml1m --peer='PYTHON SCRIPT --shape ml1m --windows 1' --record=results/benchmark.json

The peer is a command that prints a JSON line with `examples_per_second`. Both are measured in turn, ours first, on an
otherwise idle machine; the ratio is that of the medians. Shapes: ml1m (8 fields, 3,500 features) and criteo (39 fields,
1,000,000 features); model: AutoInt as in the paper, d = 16, 3 layers, 2 heads of 32.
"""

import json
import pathlib
import shlex
import statistics
import subprocess
import sys

from absl import app, flags

from autoint_jax.config import Config, replace
from autoint_jax.errors import UsageError, nearest, reported
from autoint_jax.training import records
from autoint_jax.training.benchmark import SHAPES, StepBenchmark

_SHAPE = flags.DEFINE_string('shape', 'ml1m', f'Shape of the data: {", ".join(SHAPES)}.')
_BATCH = flags.DEFINE_integer('batch', 1024, 'Rows of a step.', lower_bound=1)
_WINDOWS = flags.DEFINE_integer('windows', 5, 'Windows measured of each.', lower_bound=1)
_SECONDS = flags.DEFINE_float('seconds', 2.0, 'Length of a window.', lower_bound=0.01)
_PEER = flags.DEFINE_multi_string('peer', [], 'Command of a peer to measure in turn; may be repeated.')
_RECORD = flags.DEFINE_string('record', None, 'JSON file to write the figures to.')


def main(argv: list[str]) -> None:
    if _SHAPE.value not in SHAPES:
        raise UsageError(f'unknown shape {_SHAPE.value!r}{nearest(_SHAPE.value, list(SHAPES))}; known: {", ".join(SHAPES)}')
    ours = StepBenchmark(replace(Config(), {'training.batch_size': _BATCH.value}), SHAPES[_SHAPE.value])
    rates = {'autoint_jax': [], **{peer: [] for peer in _PEER.value}}
    for _ in range(_WINDOWS.value):
        rates['autoint_jax'].append(ours.window(_SECONDS.value))
        for peer in _PEER.value:
            rates[peer].append(_peer_rate(peer))
    medians = {name: statistics.median(windows) for name, windows in rates.items()}
    print(f'{_SHAPE.value}, batch {_BATCH.value}, slices of {ours.cut.slice_rows}, first chunk after {ours.first_seconds:.1f} s')
    for name, windows in rates.items():
        ratio = medians['autoint_jax'] / medians[name]
        print(f'{medians[name]:>10,.0f} rows/s ({min(windows):,.0f} to {max(windows):,.0f})  ours is {ratio:.2f} times  {name}')
    if _RECORD.value:
        records.write_json(pathlib.Path(_RECORD.value), {
            'benchmark': 'training step', 'shape': _SHAPE.value, 'batch': _BATCH.value, 'rows_per_second': rates,
            'medians': medians, 'ratios': {name: medians['autoint_jax'] / medians[name] for name in _PEER.value},
            'command': sys.argv, 'commit': records.commit(), 'versions': records.versions(), 'device': records.device()})


def _peer_rate(command: str) -> float:
    done = subprocess.run(shlex.split(command), capture_output=True, text=True)
    try:
        return float(json.loads(done.stdout.strip().splitlines()[-1])['examples_per_second'])
    except (IndexError, ValueError, KeyError, TypeError):
        reason = (done.stderr.strip().splitlines() or ['it printed no such line'])[-1]
        raise UsageError(f'the peer {command!r} gave no JSON line with examples_per_second: {reason}') from None


if __name__ == '__main__':
    app.run(reported(main))
