"""Training from a Python program: `autoint_jax.train`."""

import pathlib
from collections.abc import Mapping
from typing import Any

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.copies import copies
from autoint_jax.config.folder import path_of
from autoint_jax.data.store.opening import OWN_TABLE, open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.errors import UsageError
from autoint_jax.interface.loaded_run import LoadedRun
from autoint_jax.names import checked_name
from autoint_jax.training.ancestor import open_ancestor
from autoint_jax.training.loop import fit
from autoint_jax.training.processes import group
from autoint_jax.training.progress import Bar, Silent
from autoint_jax.training.run_folder.contents import UnusableFolder
from autoint_jax.training.run_folder.naming import run_name

MANIFEST = 'manifest.json'


def trained(
    config: str | pathlib.Path | Mapping[str, Any] | Config,
    data: str | pathlib.Path | None,
    *,
    options: Mapping[str, Any],
    init_from: str | pathlib.Path | None,
    run_dir: str | pathlib.Path | None,
    runs_dir: str | pathlib.Path,
    data_dir: str | pathlib.Path,
    quiet: bool,
) -> LoadedRun:
    """Trains a run, or resumes it, as `autoint_jax.train` says, and opens it."""
    wanted = configuration.replace(_config(config), dict(options))
    prepared = _data(data, data_dir, wanted)
    home = prepared.folder.parents[1]
    of_data = {'data.dataset': prepared.manifest['dataset'], 'data.recipe': prepared.manifest['recipe']}
    if [prepared.folder.parent.name, prepared.folder.name] != list(of_data.values()):
        raise UsageError(
            f'{prepared.folder} holds the data {"/".join(of_data.values())}: move it to a folder that ends so, because '
            'a run finds its data by these names'
        )
    wanted = configuration.replace(wanted, of_data)
    alone = copies(wanted)
    if len(alone) > 1:
        raise UsageError(
            f"options of 'replicas' ask for {len(alone)} copies of a run, and autoint_jax.train trains one: train the "
            'copies by scripts/train.py'
        )
    ancestor = None if init_from is None else open_ancestor(pathlib.Path(init_from), None, str(home))
    if ancestor is not None:
        alone = [configuration.replace(alone[0], {'init_state': ancestor.digest})]
    name = checked_name(_name(config, wanted), 'a configuration')
    folder = pathlib.Path(run_dir) if run_dir is not None else pathlib.Path(runs_dir, run_name(name, alone[0]))
    reporter = Silent() if quiet or not group.is_first() else Bar(wanted.training.epochs)
    try:
        fit(alone[0], prepared, folder, reporter, ancestor)
    except UnusableFolder as error:
        raise UsageError(f'{error} by run_dir') from None
    return LoadedRun(folder, home, None)


def _config(config: str | pathlib.Path | Mapping[str, Any] | Config) -> Config:
    """Returns the configuration that a name, a file or options mean."""
    if isinstance(config, Config):
        return config
    if isinstance(config, Mapping):
        return configuration.from_options(config)
    return configuration.load(path_of(str(config)))


def _name(config: str | pathlib.Path | Mapping[str, Any] | Config, chosen: Config) -> str:
    """Returns the name of a configuration, for the run folder: its own, or that of the data set and the model."""
    if isinstance(config, Config | Mapping):
        return f'{"own_table" if chosen.data.dataset == OWN_TABLE else chosen.data.dataset}_{chosen.model.name}'
    return path_of(str(config)).stem


def _data(data: str | pathlib.Path | None, data_dir: str | pathlib.Path, config: Config) -> PreparedData:
    """Opens the prepared data that a name or a folder means, or that the configuration names."""
    if data is None:
        return open_prepared(data_dir, config.data.dataset, config.data.recipe)
    folder = pathlib.Path(data)
    if (folder / MANIFEST).exists():
        folder = folder.resolve()
        return open_prepared(folder.parents[1], folder.parent.name, folder.name)
    if len(folder.parts) > 2 or folder.is_absolute():
        raise UsageError(
            f'{folder} holds no prepared data (it has no {MANIFEST}): name a folder that scripts/prepare_data.py made, '
            'or DATASET/RECIPE'
        )
    dataset, recipe = folder.parts if len(folder.parts) == 2 else (OWN_TABLE, folder.name)
    return open_prepared(data_dir, dataset, recipe)
