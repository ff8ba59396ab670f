"""The configuration of a run: typed, frozen, strict. With `model_config.py` and `replicas_config.py` the only place with defaults."""

import copy
import dataclasses
import functools
import hashlib
import itertools
import json
import math
import pathlib
import sys
import typing
from typing import Any

from autoint_jax import stored
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.config.options import check, option
from autoint_jax.config.replicas_config import MOST_COPIES, OF_COPIES, ReplicasConfig
from autoint_jax.errors import UsageError, nearest


@dataclasses.dataclass(frozen=True)
class DataConfig:
    dataset: str = option('movielens_100k', 'data set, as named by scripts/prepare_data.py')
    recipe: str = option('with_ids', 'how the raw files were turned into fields, vocabularies and splits')
    streaming: bool = option(
        False,
        'read rows through a pipeline from disk instead of keeping them on the device, where they '
        'are kept if they fit; changes no value',
    )
    shuffle: str = option(
        'rows',
        "order of an epoch: 'rows' (every order is as likely) or 'blocks' (blocks of neighbouring rows, "
        'then rows of many blocks at a time), for data larger than memory',
    )


# Steps, rows and places are 32-bit numbers in compiled programs.
AT_MOST = {
    'batch_size': 2**30,
    'epochs': 2**30,
    'evaluations_per_epoch': 2**30,
    'slice_rows': 2**30,
    'stop_after_increases': 2**30,
}
TABLE_OPTIMIZERS = ('adam', 'deferred_adam', 'lazy_adam', 'rowwise_adagrad')


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    name: str = option('adam', "optimizer of parameters, 'adam'")
    tables: str = option(
        'adam',
        "optimizer of tables: 'adam' (dense and exact), 'deferred_adam' (touches a batch's "
        "rows and makes up for the steps a row missed when it is next read, so it follows 'adam'), "
        "'lazy_adam' (touches a batch's rows and forgets the steps a row missed, so it is not 'adam') "
        "or 'rowwise_adagrad' (touches a batch's rows; one accumulator a row)",
    )
    tables_form: str = option(
        'automatic',
        "form of the sparse optimizers of tables: 'xla', 'cpu_kernel' (compiled), or "
        "'automatic', the fastest for the device; both give the same values",
    )
    learning_rate: float = option(1e-3, 'step size')
    b1: float = option(0.9, "decay of Adam's first moment")
    b2: float = option(0.999, "decay of Adam's second moment")
    epsilon: float = option(1e-8, 'added to the root of the second moment')
    l2_rows: float = option(0.0, 'times a row, added to the gradient of each row of a batch, once a row')
    l2_tables: float = option(0.0, "times a table, added to the gradient of whole tables; needs tables 'adam'")


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    batch_size: int = option(1024, 'rows of a step, over all devices')
    epochs: int = option(50, 'passes over the training split, at most')
    evaluations_per_epoch: int = option(1, 'how often an epoch is evaluated on the validation split and saved')
    stop_after_increases: int = option(
        0, 'stop after so many successive increases of the validation logloss; 0 = never'
    )
    slice_rows: int = option(
        0,
        'rows whose gradients are taken at a time on each device, so that activations stay '
        'in its cache; 0 = chosen from the schema and the device',
    )


@dataclasses.dataclass(frozen=True)
class Config:
    """A run is a function of this value and of the prepared data."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    replicas: ReplicasConfig = ReplicasConfig()
    seed: int = option(0, 'seed of initialisation, row order and dropout')

    def __post_init__(self):
        training = self.training
        check(self.data.shuffle in ('rows', 'blocks'), 'data.shuffle', self.data.shuffle, "'rows' or 'blocks'")
        check(self.optimizer.name == 'adam', 'optimizer.name', self.optimizer.name, "'adam'")
        self._check_tables()
        for name, most in AT_MOST.items():
            check(getattr(training, name) <= most, f'training.{name}', getattr(training, name), f'at most {most:,}')
        for name in ('batch_size', 'epochs', 'evaluations_per_epoch'):
            check(getattr(training, name) >= 1, f'training.{name}', getattr(training, name), 'at least 1')
        for name in ('stop_after_increases', 'slice_rows'):
            check(getattr(training, name) >= 0, f'training.{name}', getattr(training, name), 'at least 0')
        check(
            not (self.model.deep_batch_norm and training.slice_rows),
            'training.slice_rows',
            training.slice_rows,
            '0 with model.deep_batch_norm, whose statistics are those of a whole batch',
        )
        check(0 <= self.seed < 2**31, 'seed', self.seed, 'at least 0 and below 2**31')

    def _check_tables(self):
        optimizer = self.optimizer
        for name in ('learning_rate', 'epsilon'):
            check(getattr(optimizer, name) > 0, f'optimizer.{name}', getattr(optimizer, name), 'above 0')
        for name in ('l2_rows', 'l2_tables'):
            check(getattr(optimizer, name) >= 0, f'optimizer.{name}', getattr(optimizer, name), 'at least 0')
        check(
            optimizer.tables in TABLE_OPTIMIZERS,
            'optimizer.tables',
            optimizer.tables,
            f'one of {", ".join(TABLE_OPTIMIZERS)}',
        )
        check(
            optimizer.tables_form in ('automatic', 'xla', 'cpu_kernel'),
            'optimizer.tables_form',
            optimizer.tables_form,
            "'automatic', 'xla' or 'cpu_kernel'",
        )
        check(
            optimizer.tables != 'deferred_adam' or 0 < optimizer.b1 < optimizer.b2 < 1,
            'optimizer.b1',
            optimizer.b1,
            f"above 0 and below optimizer.b2 ({optimizer.b2}), itself below 1, for optimizer.tables 'deferred_adam'",
        )
        check(
            optimizer.tables == 'adam' or not optimizer.l2_tables,
            'optimizer.l2_tables',
            optimizer.l2_tables,
            f'0 with optimizer.tables {optimizer.tables!r}: it would give rows that are not in the batch a gradient, '
            "and they are skipped; use optimizer.l2_rows, or optimizer.tables 'adam'",
        )


class Leaf(typing.NamedTuple):
    """One option of the configuration: its dotted path, type, default and help."""

    path: str
    type: Any
    default: Any
    help: str


def leaves(cls: type = Config, prefix: str = '') -> list[Leaf]:
    """All options of a configuration class, in order."""
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
    """`config` with options replaced, {'model.num_layers': 4}. Raises UsageError on unknown names or wrong values."""
    known = _known()
    nested: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        if path not in known:
            raise UsageError(f'unknown option {path!r}{nearest(path, list(known))}; known: {", ".join(known)}')
        group, _, name = path.rpartition('.')
        nested.setdefault(group, {})[name] = _typed(known[path], value)
    top = nested.pop('', {})
    return dataclasses.replace(
        config,
        **top,
        **{group: dataclasses.replace(getattr(config, group), **options) for group, options in nested.items()},
    )


def copies(config: Config) -> list[Config]:
    """The runs that `config.replicas` asks for, each as it would be configured alone. Raises UsageError on wrong values."""
    lists = {'seed': range(config.seed, config.seed + config.replicas.seeds)} | {
        path: getattr(config.replicas, name) for name, path in OF_COPIES.items() if getattr(config.replicas, name)
    }
    count = math.prod(map(len, lists.values()))
    if count > MOST_COPIES:
        raise UsageError(
            f"options of 'replicas' ask for {count:,} copies of a run in one program, but {MOST_COPIES:,} are the most: "
            'a sweep (scripts/sweep.py) trains as many in groups'
        )
    alone = dataclasses.replace(config, replicas=ReplicasConfig())
    return [replace(alone, dict(zip(lists, values, strict=True))) for values in itertools.product(*lists.values())]


def with_arrays(config: Config, values: dict[str, Any]) -> Config:
    """`config` with options replaced by arrays of a compiled program, which no check can look at."""
    groups = {'': copy.copy(config)}
    for path, value in values.items():
        group, _, name = path.rpartition('.')
        if group not in groups:
            groups[group] = copy.copy(getattr(config, group))
            object.__setattr__(groups[''], group, groups[group])
        object.__setattr__(groups[group], name, value)
    return groups['']


def load(path: str | pathlib.Path) -> Config:
    """Reads a TOML file that holds what differs from the defaults. Raises UsageError."""
    path = pathlib.Path(path)
    tree = stored.read_toml(path, 'configuration')
    try:
        return from_tree(tree)
    except UsageError as error:
        raise UsageError(f'{path}: {error}') from None


def from_tree(tree: dict[str, Any]) -> Config:
    """The configuration written as nested tables, as `to_tree` gives it or with parts left at their defaults."""
    return replace(Config(), _flatten(tree))


def to_tree(config: Config) -> dict[str, Any]:
    """The whole effective configuration as nested dictionaries of JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def fingerprint(config: Config) -> str:
    """Twelve hexadecimal digits that name the effective configuration.

    Made from what differs from the defaults, so that an option added later, off by default, leaves older runs their
    names. A default is therefore never changed.
    """
    canonical = json.dumps(
        {leaf.path: chosen for leaf in _known().values() if (chosen := value(config, leaf.path)) != leaf.default},
        sort_keys=True,
        separators=(',', ':'),
    )
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def value(config: Config, path: str) -> Any:
    """The value of an option, by its dotted path."""
    group, _, name = path.rpartition('.')
    return getattr(getattr(config, group) if group else config, name)


def differing(one: Config, other: Config) -> dict[str, tuple[Any, Any]]:
    """The options in which two configurations differ, with both values."""
    first, second = _flatten(to_tree(one)), _flatten(to_tree(other))
    return {path: (first[path], second[path]) for path in first if first[path] != second[path]}


def difference(one: Config, other: Config) -> list[str]:
    """The same as 'model.num_layers: 3 / 4'."""
    return [f'{path}: {first} / {second}' for path, (first, second) in differing(one, other).items()]


def _flatten(tree: dict[str, Any], prefix: str = '') -> dict[str, Any]:
    flat = {}
    for name, value in tree.items():
        flat.update(_flatten(value, f'{prefix}{name}.') if isinstance(value, dict) else {prefix + name: value})
    return flat


def _is_number(value: Any) -> bool:
    """Whether a value is a number that a computation can use: infinities, NaN and what no float holds are none."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


_EXAMPLES = {
    str: 'a text',
    tuple[int, ...]: 'a list of whole numbers, such as [400, 400], as a flag 400,400',  # where defaults are empty
    tuple[float, ...]: 'a list of finite numbers, such as [0.001, 0.01], as a flag 0.001,0.01',
}


def _typed(leaf: Leaf, value: Any) -> Any:
    if leaf.type == tuple[int, ...]:
        valid = isinstance(value, (list, tuple)) and all(type(item) is int for item in value)
        value = tuple(value) if valid else value
    elif leaf.type is float:
        valid = _is_number(value)
        value = float(value) if valid else value
    elif leaf.type == tuple[float, ...]:
        valid = isinstance(value, (list, tuple)) and all(map(_is_number, value))
        value = tuple(float(item) for item in value) if valid else value
    else:
        valid = type(value) is leaf.type
    if not valid:
        raise UsageError(
            f'option {leaf.path!r} cannot be {value!r}: it takes '
            f'{_EXAMPLES.get(leaf.type, f"a value such as {leaf.default!r}")}'
        )
    return value
