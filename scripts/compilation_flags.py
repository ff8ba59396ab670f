"""The command-line flag of the compilation cache, `--compilation_cache=FOLDER`."""

from absl import flags

from autoint_jax.training import compilation

_FOLDER = flags.DEFINE_string(
    'compilation_cache',
    None,
    'Folder that keeps compiled programs between runs; by default '
    'autoint_jax/jax-VERSION in the cache folder (XDG_CACHE_HOME, or ~/.cache). --compilation_cache= keeps none.',
)


def start_cache() -> None:
    """Keeps compiled programs where the flag says. Says so where that cannot be."""
    folder = compilation.default_folder() if _FOLDER.value is None else _FOLDER.value
    if folder and (problem := compilation.cache_compilations(folder)):
        print(problem)
