"""AutoInt in JAX: self-attentive feature interactions for click-through-rate prediction (Song et al., CIKM 2019).

    run = autoint_jax.train('movielens_1m_autoint')
    run = autoint_jax.load('runs/visits')
    scores = run.predict('new.csv')

Importing this package imports nothing else; `train` and `load` do.
"""


def load(run_dir, *, data_dir='data/prepared', step=None):
    """Loads a trained run, to score rows and splits with it.

    Args:
      run_dir: the run folder.
      data_dir: folder of prepared data, for `evaluate`, and for runs of earlier versions.
      step: step of the checkpoint; None for the best one.

    Returns:
      An `autoint_jax.interface.loaded_run.LoadedRun`.

    Raises:
      autoint_jax.errors.UsageError: the folder holds no run, or no such checkpoint, or JAX is not installed.
    """
    _check_installed()
    from autoint_jax.interface.loaded_run import LoadedRun

    return LoadedRun(run_dir, data_dir, step)


def train(
    config,
    data=None,
    *,
    options=(),
    init_from=None,
    run_dir=None,
    runs_dir='runs',
    data_dir='data/prepared',
    quiet=False,
):
    """Trains a run as `scripts/train.py` does, with the same bits and the same run folder, and opens it.

    A run that was interrupted goes on from its last checkpoint. One that is complete is only opened.

    Args:
      config: the name of a configuration, such as 'movielens_1m_autoint', or the path of its TOML file; a dictionary of
        options that differ from the defaults, such as {'model.name': 'fm'}; or a Config.
      data: prepared data: DATASET/RECIPE in `data_dir`; the name of the declaration of a table of your own; or a
        folder. By default, the data that the configuration names.
      options: a dictionary of options that replace those of `config`.
      init_from: folder of a trained run from whose best state this one goes on; `data` extends the data of that run.
      run_dir: the run folder; by default RUNS_DIR/NAME-FINGERPRINT, as for `scripts/train.py`. The name of a dictionary
        or a Config is DATASET_MODEL.
      runs_dir: folder of run folders.
      data_dir: folder of prepared data.
      quiet: whether to show no progress.

    Returns:
      An `autoint_jax.interface.loaded_run.LoadedRun`, as `load` returns it.

    Raises:
      autoint_jax.errors.UsageError: an option is unknown or wrong, the data is not prepared, the run does not fit into
        memory, or training diverges; or JAX is not installed.
    """
    _check_installed()
    from autoint_jax.interface.training import trained

    return trained(
        config,
        data,
        options=dict(options),
        init_from=init_from,
        run_dir=run_dir,
        runs_dir=runs_dir,
        data_dir=data_dir,
        quiet=quiet,
    )


def _check_installed():
    """Raises UsageError if JAX is not installed, as where only a scorer of exported models is."""
    from autoint_jax import errors, packages

    if not packages.is_installed('jax'):
        raise errors.UsageError(packages.sentence(ModuleNotFoundError(name='jax')))
