"""The outcome of a run: its result, from its evaluations and the figures of its best state."""

from collections.abc import Sequence

from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.evaluation.evaluation import Evaluation
from autoint_jax.evaluation.stopping import best_evaluation
from autoint_jax.models.registry import embedding_parameter_count, parameter_count
from autoint_jax.training.run_folder.result import Result
from autoint_jax.training.step.schedule import Schedule
from autoint_jax.training.step.state import Setup, TrainState


def result_of(
    setup: Setup,
    data_hash: str,
    schedule: Schedule,
    evaluations: Sequence[Evaluation],
    state: TrainState,
    test: dict[str, float],
    *,
    first_step_seconds: float | None,
    train_seconds: float,
) -> Result:
    """Returns the result of a complete run.

    Args:
      setup: the setup of the run.
      data_hash: the hash of the data that it was trained on.
      schedule: the schedule of the run.
      evaluations: all its evaluations.
      state: a state of the run, or its shapes, from which parameters are counted.
      test: figures of the test split for the best state.
      first_step_seconds: seconds from the last start to its first step; None if no step was left.
      train_seconds: seconds of training, over all starts.
    """
    config, steps = setup.config, evaluations[-1].step
    best = best_evaluation(evaluations, config.training.monitor)
    counted = [evaluation.skipped_steps for evaluation in evaluations]
    return Result(
        fingerprint=fingerprint(config),
        data_hash=data_hash,
        seed=config.seed,
        test=test,
        valid={name: best.valid[name] for name in test},
        best_step=best.step,
        best_epoch=best.epoch,
        steps=steps,
        epochs=steps / schedule.epoch_steps,
        parameters=parameter_count(state.params),
        embedding_parameters=embedding_parameter_count(state.params, setup.table_specs),
        first_step_seconds=first_step_seconds,
        train_seconds=train_seconds,
        skipped_steps=None if None in counted else sum(filter(None, counted)),
        train_rows_per_second=steps / schedule.epoch_steps * schedule.rows / train_seconds,
    )
