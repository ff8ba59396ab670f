"""The command-line flag of the compilation cache, `--compilation_cache=FOLDER`."""

from absl import flags

_FOLDER = flags.DEFINE_string(
    'compilation_cache',
    None,
    'Folder that keeps compiled programs between runs; by default '
    'autoint_jax/jax-VERSION in the cache folder (XDG_CACHE_HOME, or ~/.cache). --compilation_cache= keeps none.',
)


def start_cache() -> None:
    """Keeps compiled programs where the flag says. Says so where that cannot be."""
    from autoint_jax.training import compilation  # imports JAX, for which --help does not wait

    folder = compilation.default_folder() if _FOLDER.value is None else _FOLDER.value
    if folder and (problem := compilation.cache_compilations(folder)):
        print(problem)
