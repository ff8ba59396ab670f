"""Compiled programs kept on disk, so that what was compiled once is not compiled again by a later start."""

import os
import pathlib

import jax

from autoint_jax.cache_folder import Unsafe, cache_home, private_folder

# Every program is kept. A start has dozens of small ones, and to read one back takes a fraction of its compilation.
KEPT_FROM_SECONDS = 0.0


def default_folder() -> str:
    """jax-VERSION in this project's folder of the user's cache folder."""
    return str(cache_home() / f'jax-{jax.__version__}')


def cache_compilations(folder: str) -> str | None:
    """Makes JAX keep what it compiles in `folder`, and take from there what it has compiled before.

    A folder that the user gave to JAX (JAX_COMPILATION_CACHE_DIR) is used instead. To be called before anything is
    compiled. JAX tells programs apart by code, options, versions and the kind of device, so results do not change.

    Returns:
      Where the folder cannot be written, or others can write programs into it, a sentence that says so; then nothing is
      kept, and nothing else changes.
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
