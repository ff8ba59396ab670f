"""Flags of the experiments that vary one option of AutoInt, and what they do with them."""

import pathlib

import experiment_flags as common
from absl import flags

from autoint_jax.reproduction.paper.curve_options import Curve

_SEEDS = common.define_seeds()
flags.adopt_module_key_flags(common)


def define_values(curve: Curve) -> flags.FlagHolder:
    """--values of a curve."""
    return flags.DEFINE_list(
        'values',
        None,
        f'Values of {curve.option} to run; {",".join(map(str, curve.values))} where not '
        'given. Every one of these that has records is shown.',
    )


def completed(curve: Curve, values: list[str] | None) -> int:
    """Completes a curve on the chosen data set as the flags say; the exit status."""
    from autoint_jax.reproduction.paper import curves  # takes long to import, for which --help does not wait
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
