"""Packages that some tasks need, and the sentence that names one of them if it is missing.

The package itself needs NumPy only, so that a scorer without JAX can be installed. Two extras bring the rest: `train`
what training and scoring with JAX need, `serving` what serving an exported model needs.
"""

from __future__ import annotations  # doctor.py imports this before it refuses old versions of Python

import importlib.util
from typing import NamedTuple


class Optional(NamedTuple):
    """A package that only some tasks need.

    Attributes:
      distribution: its name for pip.
      purpose: the task that needs it, as the subject of a sentence.
      without: what happens where it is missing; '' if the task is then refused.
    """

    distribution: str
    purpose: str
    without: str = ''


# {name under which Python imports it: name for pip} of the packages that every task with JAX needs; Flax itself needs
# Rich and PyYAML.
TRAINING = {
    'jax': 'jax',
    'jaxlib': 'jaxlib',
    'flax': 'flax',
    'numpy': 'numpy',
    'optax': 'optax',
    'scipy': 'scipy',
    'orbax': 'orbax-checkpoint',
    'absl': 'absl-py',
    'rich': 'rich',
    'yaml': 'PyYAML',
}
TRAIN = "pip install -e '.[train]'"  # in the folder of the project
# By the name under which Python imports them.
OPTIONAL = {
    'tensorboardX': Optional('tensorboardX', 'writing TensorBoard events', 'runs write no events'),
    'polars': Optional('polars', 'preparing data'),
    'backports': Optional('backports.zstd', 'reading files packed by Zstandard'),
    'grain': Optional('grain', 'streaming rows from disk'),
    'optuna': Optional('optuna', 'searching for options in a sweep'),
    'matplotlib': Optional('matplotlib', 'drawing figures'),
    'onnx': Optional('onnx', 'exporting a model as ONNX'),
    'onnxruntime': Optional('onnxruntime', 'scoring by an exported ONNX model'),
    'starlette': Optional('starlette', 'serving scores over HTTP'),
    'uvicorn': Optional('uvicorn', 'serving scores over HTTP'),
    'prometheus_client': Optional('prometheus_client', 'metrics of a server'),
    'vl_convert': Optional('vl-convert-python', 'writing a report'),
    'tensorflow_datasets': Optional('tensorflow-datasets', 'publishing a TensorFlow Dataset'),
    'importlib_resources': Optional('importlib_resources', 'publishing a TensorFlow Dataset'),
}


def is_installed(name: str) -> bool:
    """Returns whether Python can import a package; nothing is imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # ValueError: another program has put something else in its place
        return False


def sentence(error: ImportError) -> str:
    """Returns a sentence that says which package is missing and how to get it.

    Returns '' if the error is about anything else.
    """
    name = (error.name or '').partition('.')[0]
    if name in TRAINING:
        return f'this needs the package {TRAINING[name]}, which cannot be imported: {TRAIN}'
    package = OPTIONAL.get(name)
    if package is None:
        return ''
    return (
        f'{package.purpose} needs the package {package.distribution}, which cannot be imported: '
        f'pip install "{package.distribution}"'
    )
