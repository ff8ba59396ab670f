"""The command-line flag of the compilation cache, `--compilation_cache=FOLDER`."""

from absl import flags

_FOLDER = flags.DEFINE_string(
    'compilation_cache',
    None,
    'Folder that keeps compiled programs between runs; by default '
    'autoint_jax/jax-VERSION in the cache folder (XDG_CACHE_HOME, or ~/.cache). --compilation_cache= keeps none.',
)


def start_cache() -> None:
    """Keeps compiled programs in the folder of the flag, or prints why they cannot be kept there."""
    from autoint_jax.training import compilation  # imports JAX, for which --help does not wait

    folder = compilation.default_folder() if _FOLDER.value is None else _FOLDER.value
    if folder and (problem := compilation.cache_compilations(folder)):
        print(problem)
