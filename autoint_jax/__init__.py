"""AutoInt in JAX: self-attentive feature interactions for click-through-rate prediction (Song et al., CIKM 2019).

    run = autoint_jax.load('runs/visits')
    scores = run.predict('new.csv')

Importing this package imports nothing else; `load` does.
"""


def load(run_dir, *, data_dir='data/prepared', step=None):
    """Loads a trained run, to score rows and splits with it.

    Args:
      run_dir: the run folder.
      data_dir: folder of prepared data, for `evaluate`, and for runs of earlier versions.
      step: step of the checkpoint; None for the best one.

    Returns:
      An `autoint_jax.scoring.loaded_run.LoadedRun`.

    Raises:
      autoint_jax.errors.UsageError: the folder holds no run, or no such checkpoint, or JAX is not installed.
    """
    _check_installed()
    from autoint_jax.scoring.loaded_run import LoadedRun

    return LoadedRun(run_dir, data_dir, step)


def _check_installed():
    """Raises UsageError if JAX is not installed, as where only a scorer of exported models is."""
    from autoint_jax import errors, packages

    if not packages.is_installed('jax'):
        raise errors.UsageError(packages.sentence(ModuleNotFoundError(name='jax')))
