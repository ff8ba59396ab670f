"""Compiled programs kept on disk, so that what was compiled once is not compiled again by a later start."""

import os
import pathlib
import tempfile

import jax

# Programs that took less to compile are not kept: reading them back would cost as much.
KEPT_FROM_SECONDS = 0.1


def default_folder() -> str:
    """autoint_jax/jax-VERSION in the user's cache folder: XDG_CACHE_HOME, or ~/.cache."""
    caches = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return os.path.join(caches, 'autoint_jax', f'jax-{jax.__version__}')


def cache_compilations(folder: str) -> str | None:
    """Makes JAX keep what it compiles in `folder`, and take from there what it has compiled before.

    A folder that the user gave to JAX (JAX_COMPILATION_CACHE_DIR) is used instead. To be called before anything is
    compiled. JAX tells programs apart by code, options, versions and the kind of device, so results do not change.

    Returns:
      Where the folder cannot be written, a sentence that says so; then nothing is kept, and nothing else changes.
    """
    if jax.config.jax_compilation_cache_dir is not None:
        return None
    try:
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return f'compiled programs are not kept: {folder} cannot be written ({error.strerror})'
    jax.config.update('jax_compilation_cache_dir', os.path.abspath(folder))
    jax.config.update('jax_persistent_cache_min_compile_time_secs', KEPT_FROM_SECONDS)
    return None
