"""Small runs, a reporter of theirs, and what a run leaves in its folder."""

import json
import pathlib
import struct

import jax
import numpy as np
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary

from autoint_jax.config.configuration import Config, replace
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader
from autoint_jax.training.run_folder.events import RATE
from autoint_jax.training.step import placement
from autoint_jax.training.step.state import initial_state, make_setup

# Eight evaluations, every four steps, the fourth of which is the best.
TINY = replace(
    Config(),
    {
        'data.dataset': 'movielens_1m',
        'data.recipe': 'autoint_all_rows',
        'model.name': 'fm',
        'model.embedding_dim': 3,
        'training.batch_size': 512,
        'execution.slice_rows': 512,
        'training.epochs': 8,
        'optimizer.learning_rate': 0.1,
    },
)
BEST, STEPS = 16, list(range(4, 33, 4))
# Options of a run that is small enough to train several copies or seeds of it.
SMALL = {
    'model.name': 'fm',
    'model.embedding_dim': 4,
    'execution.slice_rows': 16,
    'data.dataset': 'movielens_1m',
    'data.recipe': 'autoint_all_rows',
    'training.batch_size': 64,
}


class Told:
    """A reporter that interrupts training when so many evaluations have been reported, of any copy."""

    def __init__(self, stop_after=None):
        self.said, self.seen, self.copies, self._stop_after = [], [], [], stop_after

    def doing(self, what):
        pass

    def steps(self, done, total, rate):
        pass

    def evaluated(self, evaluation, *, best, copy):
        self.seen.append(evaluation.step)
        self.copies.append(copy)
        if len(self.seen) == self._stop_after:
            raise KeyboardInterrupt

    def say(self, sentence):
        self.said.append(sentence)

    def close(self):
        pass


def outcome(folder: pathlib.Path, data, config=TINY):
    """Returns all of a complete run but its times: result, metrics, events, and the bits of its checkpoints."""
    result = json.loads((folder / 'result.json').read_text())
    like, reader = initial_state(make_setup(config, data.schema)), CheckpointReader(folder / 'checkpoints')
    states = {
        step: [
            np.asarray(leaf).tolist() for leaf in jax.tree.leaves(reader.restore(step, like, placement.data_mesh())[0])
        ]
        for step in reader.steps()
    }
    return (
        {name: value for name, value in result.items() if not name.startswith(('train_', 'first_step_'))},
        (folder / 'metrics.jsonl').read_text(),
        events(folder),
        states,
    )


def events(folder: pathlib.Path) -> list[tuple[str, int, float]]:
    """Returns the scalars of evaluations in a run's event files, in the order of files and records.

    Rates are left out, because they are times.
    """
    return [one for one in all_events(folder) if one[0] != RATE and not one[0].startswith('test_')]


def all_events(folder: pathlib.Path) -> list[tuple[str, int, float]]:
    """Returns all scalars of a run's event files, in the order of files and records."""
    return [
        (value.tag, step, value.simple_value)
        for step, value in summaries(folder)
        if value.WhichOneof('value') == 'simple_value'
    ]


def summaries(folder: pathlib.Path) -> list[tuple[int, Summary.Value]]:
    """Returns all values of a run's event files with their steps, in the order of files and records."""
    found = []
    for path in sorted((folder / 'tensorboard').glob('*tfevents*')):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack('Q', content[:8])
            event = Event.FromString(content[12 : 12 + length])
            found += [(event.step, value) for value in event.summary.value]
            content = content[16 + length :]
    return found


def events_of(metrics: str) -> list[tuple[str, int, float]]:
    """Returns the scalars that the lines of metrics.jsonl stand for."""
    return [
        (name, line['step'], float(np.float32(value)))
        for line in map(json.loads, metrics.splitlines())
        for name, value in line.items()
        if name != 'step'
    ]
