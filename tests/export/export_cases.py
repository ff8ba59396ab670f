"""What tests of exports share: the bundle of a tiny run on a table with every kind of field and transform."""

import pathlib

from autoint_jax.bundle.manifest import Manifest
from autoint_jax.export.exported_bundle import Wanted, write_bundle
from autoint_jax.training.trained import TrainedRun

STABLEHLO = ('stablehlo',)


def exported(folder: pathlib.Path, run_dir: pathlib.Path, run: TrainedRun, *formats: str, **wanted) -> Manifest:
    """Writes the bundle of a run in a new folder."""
    folder.mkdir()
    return write_bundle(folder, run_dir, run, Wanted(formats or STABLEHLO, **wanted))
