"""Flags of the experiments that vary one option of AutoInt, and the function that runs them."""

import pathlib

import experiment_flags as common
from absl import flags

from autoint_jax.reproduction.paper.curve_options import Curve

_SEEDS = common.define_seeds()
flags.adopt_module_key_flags(common)


def define_values(curve: Curve) -> flags.FlagHolder:
    """Defines --values of a curve."""
    return flags.DEFINE_list(
        'values',
        None,
        f'Values of {curve.option} to run, by default {",".join(map(str, curve.values))}. Every one of these that has '
        'records is shown.',
    )


def completed(curve: Curve, values: list[str] | None) -> int:
    """Completes a curve on the chosen data set as the flags say. Returns the exit status."""
    from autoint_jax.reproduction.paper import curves  # imported here, so that --help does not wait for it
    from autoint_jax.training.progress import Bar

    chosen = curves.chosen_values(curve, values)
    common.start(_SEEDS.value)
    passed = curves.completed_curve(
        curve,
        common.DATASET.value,
        common.base_config('autoint'),
        values=chosen,
        seeds=_SEEDS.value,
        data_dir=common.DATA_DIR.value,
        runs_dir=pathlib.Path(common.RUNS_DIR.value),
        results_dir=common.results_dir(),
        reporter=Bar(),
    )
    return 0 if passed else 3
