"""A trained run from whose state another run goes on, with rows of new days: what it must have in common with it."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
from jax.sharding import Mesh

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.rates import OPTIONS as RATES
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.evaluation.evaluation import of_progress
from autoint_jax.evaluation.stopping import best_evaluation
from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader, DamagedCheckpoint
from autoint_jax.training.fields import QUANTILE_ENCODINGS, fitted_schema
from autoint_jax.training.identity import check_identity
from autoint_jax.training.inheritance.first_state import inherited_state
from autoint_jax.training.inheritance.growth import check_grown, check_tables
from autoint_jax.training.memory import room
from autoint_jax.training.run_folder import contents
from autoint_jax.training.run_folder.description import Ancestry
from autoint_jax.training.step.layout import initial_state_on, shapes_on
from autoint_jax.training.step.state import Setup, TrainState, make_setup
from autoint_jax.training.trained import encoding_of, saved_state

AGAIN = 'give the same options as that run, or begin without --init_from'
# How many differences of options a sentence names.
SHOWN = 5
# The options of optimizers that give what they keep its meaning. Others are rules of single steps.
OF_STATE = ('optimizer.name', 'optimizer.tables', 'optimizer.b1', 'optimizer.b2', 'optimizer.epsilon')


class Ancestor(NamedTuple):
    """A trained run from whose state another run goes on.

    Attributes:
      folder: its run folder.
      config: its configuration.
      data: the prepared data of the run, or what its folder keeps of it.
      boundaries: its quantile boundaries of numeric fields, as run.json records them.
      ancestry: what run.json of the other run records of it.
      digest: names the state; it is the option `init_state` of the other run, and so part of its fingerprint.
    """

    folder: pathlib.Path
    config: Config
    data: PreparedData
    boundaries: object
    ancestry: Ancestry
    digest: str

    def check(self, setup: Setup, data: PreparedData) -> None:
        """Raises UsageError, which names what differs, if a run cannot go on from this one.

        Args:
          setup: the setup of the run.
          data: its prepared data.
        """
        differing = [
            f'{path}: {there} / {here}'
            for path, (there, here) in configuration.differing(self.config, setup.config).items()
            if path in OF_STATE or (path.startswith('model.') and path not in RATES.values())
        ]
        if differing:
            more = f' and {len(differing) - SHOWN} more' if len(differing) > SHOWN else ''
            raise UsageError(
                f'{self.folder} has other options than this run ({"; ".join(differing[:SHOWN])}{more}), so its state '
                f'means something else: {AGAIN}'
            )
        check_grown(self.folder, self.data, data)
        check_tables(self.folder, self.setup(setup), setup)

    def setup(self, setup: Setup) -> Setup:
        """Returns the setup of this run on the devices and with the forms of the run that goes on from it."""
        config = dataclasses.replace(self.config, execution=setup.config.execution, mesh=setup.config.mesh)
        return make_setup(config, fitted_schema(config, self.data, self.boundaries), setup.platform)

    def first_state(self, setup: Setup, mesh: Mesh) -> TrainState:
        """Returns the state with which a run goes on from this one, on the mesh.

        Raises UsageError if the checkpoint is lost, or the devices have no room for both states.
        """
        old = self.setup(setup)
        room.check_reading(old, mesh, f'the state of {self.folder}')
        checkpoints = CheckpointReader(self.folder / 'checkpoints')
        like = shapes_on(old, mesh)
        state = saved_state(checkpoints, self.ancestry.step, like, mesh, self.config.training.monitor)
        return inherited_state(setup, old, state, mesh)

    def sentence(self, setup: Setup, state: TrainState) -> str:
        """Returns a sentence about the first state of a run that goes on from this one."""
        specs = self.setup(setup).table_specs
        kept = sum(spec.rows for spec in specs.values())
        new = sum(spec.rows for spec in setup.table_specs.values()) - kept
        updates = int(jax.device_get(state.step))
        return (
            f'going on from {self.folder} at step {self.ancestry.step:,}: {kept:,} rows of tables are kept, and '
            f'{new:,} new ones are drawn as in a fresh run of seed {setup.config.seed}; steps and epochs count from 0, '
            f'optimizers go on counting from {updates:,} updates; learning rate '
            f'{setup.config.optimizer.learning_rate:g} (there {self.ancestry.learning_rate:g})'
        )


def open_ancestor(run_dir: pathlib.Path, step: int | None, data_dir: str) -> Ancestor:
    """Opens a trained run from whose state another run shall go on. It only reads.

    Args:
      run_dir: the run folder.
      step: the step of the checkpoint; None for the best one.
      data_dir: folder of prepared data, for runs of earlier versions, which do not keep how rows are encoded.

    Raises UsageError if the folder holds no run, or no such checkpoint.
    """
    run, config = contents.read_run(run_dir), contents.read_config(run_dir)
    data = encoding_of(run_dir, data_dir)
    checkpoints = CheckpointReader(run_dir / 'checkpoints')
    check_identity(checkpoints, run.data_hash)
    known = checkpoints.steps()
    if not known:
        raise UsageError(f'{run_dir} has no checkpoint to go on from: train it until its first evaluation')
    if step is not None and step not in known:
        raise UsageError(f'{run_dir} has no checkpoint of step {step}: it has {", ".join(map(str, known))}')
    try:
        last = of_progress(checkpoints.progress(known[-1]))
        chosen = best_evaluation(last, config.training.monitor).step if step is None else step
        taken, sums = of_progress(checkpoints.progress(chosen)), checkpoints.sums(chosen)
    except DamagedCheckpoint as error:
        raise UsageError(f'{error}: name another one by --init_step ({", ".join(map(str, known))})') from None
    if config.model.numeric_encoding in QUANTILE_ENCODINGS and data.schema.numeric_fields and not run.boundaries:
        raise UsageError(
            f'{run_dir}/run.json does not record the quantiles of numeric fields, as runs of earlier versions: train '
            'the run again, and go on from that one'
        )
    skipped = sum(evaluation.skipped_steps or 0 for evaluation in taken)
    ancestry = Ancestry(
        run_dir=str(run_dir),
        fingerprint=run.fingerprint,
        data_hash=run.data_hash,
        step=chosen,
        updates=(run.ancestry.updates if run.ancestry else 0) + chosen - skipped,
        learning_rate=config.optimizer.learning_rate,
    )
    name = json.dumps([run.fingerprint, run.data_hash, chosen, sums], sort_keys=True)
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return Ancestor(run_dir, config, data, run.boundaries, ancestry, digest)


def first_state(setup: Setup, ancestor: Ancestor | None, mesh: Mesh, say: Callable[[str], None]) -> TrainState:
    """Returns the state at step 0 of a run, on the mesh: the initial one, or that of the run from which it goes on.

    `say` is called with a sentence about the latter. Raises UsageError as `check_origin` and `first_state` do.
    """
    check_origin(setup.config, ancestor, begun=False)
    if ancestor is None:
        return initial_state_on(setup, mesh)
    state = ancestor.first_state(setup, mesh)
    say(ancestor.sentence(setup, state))
    return state


def check_origin(config: Config, ancestor: Ancestor | None, *, begun: bool) -> None:
    """Raises UsageError if a configuration names a first state that is not there.

    Args:
      config: the configuration of the run.
      ancestor: the run from whose state it goes on, if any.
      begun: whether the run has a checkpoint of its own, so that it needs no first state.
    """
    if config.init_state != ('' if ancestor is None else ancestor.digest) and not (ancestor is None and begun):
        raise UsageError(
            f'option init_state is {config.init_state!r}, which names a state that is not given: leave it out, and '
            'name the run that has the state by --init_from of scripts/train.py'
        )
