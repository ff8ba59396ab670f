"""The configuration of a run, typed and frozen. Only this file and the files of its groups have defaults."""

import dataclasses
import functools
import json
import pathlib
import sys
import typing
from collections.abc import Mapping
from typing import Any

from autoint_jax import stored
from autoint_jax.config.data_config import DataConfig
from autoint_jax.config.execution_config import ExecutionConfig
from autoint_jax.config.mesh_config import GATHERED, MeshConfig
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.config.optimizer_config import OptimizerConfig
from autoint_jax.config.options import check, option
from autoint_jax.config.renamed import hint, renamed
from autoint_jax.config.replicas_config import ReplicasConfig
from autoint_jax.config.training_config import TrainingConfig
from autoint_jax.errors import UsageError, nearest

# In single precision, the smallest number above 0 that is not rounded to 0, and the largest one.
SMALLEST, LARGEST = 2.0**-126, (2 - 2.0**-23) * 2.0**127


@dataclasses.dataclass(frozen=True)
class Config:
    """The configuration of a run. It and the prepared data decide everything that the run computes."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    replicas: ReplicasConfig = ReplicasConfig()
    execution: ExecutionConfig = ExecutionConfig()
    mesh: MeshConfig = MeshConfig()
    seed: int = option(0, 'seed of the initial parameters, the order of rows and dropout')
    init_state: str = option(
        '', 'name of the trained state that the run goes on from, which --init_from of scripts/train.py gives'
    )

    def __post_init__(self):
        check(
            not (self.model.deep_batch_norm and self.execution.slice_rows),
            'execution.slice_rows',
            self.execution.slice_rows,
            '0 with model.deep_batch_norm, whose statistics are those of a whole batch',
        )
        check(
            bool(self.execution.slice_rows) or not self.mesh.ordered_sums,
            'execution.slice_rows',
            self.execution.slice_rows,
            'a number of rows with mesh.ordered_sums, because automatic slices differ between meshes',
        )
        split = self.mesh.table != 1
        check(
            not (split and self.optimizer.row_clip and self.mesh.exchange != GATHERED),
            'mesh.exchange',
            self.mesh.exchange,
            f'{GATHERED!r} with optimizer.row_clip, which counts the reads of a row on all devices',
        )
        check(
            not (split and self.optimizer.clip_norm and self.mesh.ordered_sums),
            'mesh.table',
            self.mesh.table,
            '1 with optimizer.clip_norm and mesh.ordered_sums: parts of a norm are added in another order on each mesh',
        )
        check(0 <= self.seed < 2**31, 'seed', self.seed, 'at least 0 and below 2**31')


class Leaf(typing.NamedTuple):
    """One option of the configuration: its dotted path, type, default and help."""

    path: str
    type: Any
    default: Any
    help: str


def leaves(cls: Any = Config, prefix: str = '') -> list[Leaf]:
    """Returns all options of a configuration class, in order."""
    found = []
    for field in dataclasses.fields(cls):
        path = prefix + field.name
        if dataclasses.is_dataclass(field.type):
            found += leaves(field.type, path + '.')
        else:
            found.append(Leaf(path, field.type, field.default, field.metadata['help']))
    return found


@functools.cache
def _known() -> dict[str, Leaf]:
    return {leaf.path: leaf for leaf in leaves()}


def replace(config: Config, values: dict[str, Any]) -> Config:
    """Returns `config` with new values, {'model.num_layers': 4}. Raises UsageError on unknown names or wrong values."""
    known = _known()
    nested: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        if path not in known:
            named = hint(path) or f'{nearest(path, list(known))}; known: {", ".join(known)}'
            raise UsageError(f'unknown option {path!r}{named}')
        group, _, name = path.rpartition('.')
        nested.setdefault(group, {})[name] = _typed(known[path], value)
    top = nested.pop('', {})
    return dataclasses.replace(
        config,
        **top,
        **{group: dataclasses.replace(getattr(config, group), **options) for group, options in nested.items()},
    )


def load(path: str | pathlib.Path) -> Config:
    """Reads a TOML file of the options that differ from their defaults. Raises UsageError."""
    path = pathlib.Path(path)
    tree = stored.read_toml(path, 'configuration')
    try:
        return replace(Config(), _flatten(tree))
    except UsageError as error:
        raise UsageError(f'{path}: {error}') from None


def from_options(options: Mapping[str, Any]) -> Config:
    """Returns the configuration with the given options, {'model.num_layers': 4} or {'model': {'num_layers': 4}}.

    The other options have their defaults. Raises UsageError on unknown names or wrong values.
    """
    return replace(Config(), _flatten(dict(options)))


def from_tree(tree: dict[str, Any]) -> Config:
    """Returns the configuration of a stored record, which has nested tables, as `to_tree` returns them.

    Missing options get their defaults. Options may have the names of earlier versions. Raises UsageError.
    """
    return replace(Config(), renamed(_flatten(tree)))


def to_tree(config: Config) -> dict[str, Any]:
    """Returns all options, with their values, as nested dictionaries of JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def value(config: Config, path: str) -> Any:
    """Returns the value of an option, by its dotted path."""
    group, _, name = path.rpartition('.')
    return getattr(getattr(config, group) if group else config, name)


def differing(one: Config, other: Config) -> dict[str, tuple[Any, Any]]:
    """Returns {option: (value in `one`, value in `other`)} of the options in which two configurations differ."""
    first, second = _flatten(to_tree(one)), _flatten(to_tree(other))
    return {path: (first[path], second[path]) for path in first if first[path] != second[path]}


def difference(one: Config, other: Config) -> list[str]:
    """Returns the differing options of two configurations as lines such as 'model.num_layers: 3 / 4'."""
    return [f'{path}: {first} / {second}' for path, (first, second) in differing(one, other).items()]


def _flatten(tree: dict[str, Any], prefix: str = '') -> dict[str, Any]:
    flat = {}
    for name, value in tree.items():
        flat.update(_flatten(value, f'{prefix}{name}.') if isinstance(value, dict) else {prefix + name: value})
    return flat


def _is_number(value: Any) -> bool:
    """Returns whether a value is a finite number that fits a float."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


_EXAMPLES = {
    str: 'a text',
    tuple[int, ...]: 'a list of whole numbers, such as [400, 400], as a flag 400,400',  # where defaults are empty
    tuple[str, ...]: "a list of names, such as ['pr_auc', 'calibration'], as a flag pr_auc,calibration",
    tuple[float, ...]: 'a list of finite numbers, such as [0.001, 0.01], as a flag 0.001,0.01',
}


def _typed(leaf: Leaf, value: Any) -> Any:
    if leaf.type == tuple[int, ...]:
        valid = isinstance(value, (list, tuple)) and all(type(item) is int for item in value)
        value = tuple(value) if valid else value
    elif leaf.type is float:
        valid = _is_number(value)
        value = float(value) if valid else value
    elif leaf.type == tuple[str, ...]:
        valid = isinstance(value, (list, tuple)) and all(type(item) is str for item in value)
        value = tuple(value) if valid else value
    elif leaf.type == tuple[float, ...]:
        valid = isinstance(value, (list, tuple)) and all(map(_is_number, value))
        value = tuple(float(item) for item in value) if valid else value
    else:
        valid = type(value) is leaf.type
    if valid and leaf.type in (float, tuple[float, ...]):
        for number in value if isinstance(value, tuple) else (value,):
            check(
                number == 0 or SMALLEST <= abs(number) <= LARGEST,
                leaf.path,
                number,
                f'0, or from {SMALLEST:.2g} to {LARGEST:.2g} in size, because runs compute in single precision',
            )
    if not valid:
        raise UsageError(
            f'option {leaf.path!r} cannot be {value!r}: it takes '
            f'{_EXAMPLES.get(leaf.type, f"a value such as {leaf.default!r}")}'
        )
    return value
