"""The folder of compiled programs. A later start reads a program from it instead of compiling the program again."""

import os
import pathlib

import jax

from autoint_jax.cache_folder import Unsafe, cache_home, private_folder

# Every program is kept: a start has dozens of small ones, and reading a program is much faster than compiling it.
KEPT_FROM_SECONDS = 0.0


def default_folder() -> str:
    """Returns the path of jax-VERSION in this project's folder in the user's cache folder."""
    return str(cache_home() / f'jax-{jax.__version__}')


def cache_compilations(folder: str) -> str | None:
    """Makes JAX keep compiled programs in `folder`, and read programs from it that were compiled before.

    If the user has set JAX_COMPILATION_CACHE_DIR, that folder is used instead. Call this before anything is compiled.
    JAX tells programs apart by code, options, versions and the kind of device, so results do not change.

    Returns:
      None, or a sentence that says why no programs are kept: the folder cannot be written, or other users can write to
      it.
    """
    if jax.config.values['jax_compilation_cache_dir'] is not None:
        return None
    try:
        private_folder(pathlib.Path(os.path.abspath(folder)))
    except Unsafe as error:
        return f'compiled programs are not kept: {error}'
    jax.config.update('jax_compilation_cache_dir', os.path.abspath(folder))
    jax.config.update('jax_persistent_cache_min_compile_time_secs', KEPT_FROM_SECONDS)
    return None
