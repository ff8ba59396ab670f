"""Command-line flags of a run's configuration: one `--config.GROUP.OPTION` per option, and `--config=NAME`."""

from absl import flags

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.folder import CONFIGS, path_of
from autoint_jax.names import checked_name

# {type of an option: type of its items, an example}
LISTS = {
    tuple[int, ...]: (int, '400,400'),
    tuple[float, ...]: (float, '1e-4,1e-3'),
    tuple[str, ...]: (str, 'pr_auc,calibration'),
}

_NAME = flags.DEFINE_string(
    'config',
    'movielens_100k_autoint',
    f'A named configuration, one of {", ".join(sorted(path.stem for path in CONFIGS.glob("*.toml")))}, or the path '
    'of a TOML file. The options below replace its values.',
)


def _define(leaf: configuration.Leaf) -> flags.FlagHolder:
    name, text = f'config.{leaf.path}', f'{leaf.help} (without --config: {leaf.default!r})'
    if leaf.type is bool:
        return flags.DEFINE_boolean(name, None, text)
    if leaf.type is int:
        return flags.DEFINE_integer(name, None, text)
    if leaf.type is float:
        return flags.DEFINE_float(name, None, text)
    if leaf.type in LISTS:
        return flags.DEFINE_list(name, None, f'{text}; written as --{name}={LISTS[leaf.type][1]}, or = for none')
    return flags.DEFINE_string(name, None, text)


_LEAVES = {leaf.path: (leaf, _define(leaf)) for leaf in configuration.leaves()}


def config_name() -> str:
    """Returns the configuration's name, for the run folder. Raises UsageError if it cannot name a folder."""
    return checked_name(path_of(_NAME.value, '--config=').stem, 'a configuration')


def chosen_config() -> Config:
    """Returns the configuration that the flags ask for. Raises UsageError."""
    return configuration.replace(
        configuration.load(path_of(_NAME.value, '--config=')),
        {
            path: _listed(LISTS[leaf.type][0], holder.value) if leaf.type in LISTS else holder.value
            for path, (leaf, holder) in _LEAVES.items()
            if holder.value is not None
        },
    )


def _listed(kind: type, items: list[str]) -> tuple[int | float | str, ...] | list[str]:
    """Returns ['400', '400'] as (400, 400). Wrong items are returned unchanged, and the configuration refuses them."""
    try:
        return tuple(kind(item) for item in items if item)
    except ValueError:
        return items
