import jax
import pytest

from autoint_jax.training import compilation

OPTIONS = 'jax_compilation_cache_dir', 'jax_persistent_cache_min_compile_time_secs'


@pytest.fixture(autouse=True)
def options_put_back():
    before = [getattr(jax.config, option) for option in OPTIONS]
    jax.config.update(OPTIONS[0], None)
    yield
    for option, value in zip(OPTIONS, before, strict=True):
        jax.config.update(option, value)


def test_the_folder_is_made_and_used(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert compilation.cache_compilations(compilation.default_folder()) is None
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / 'autoint_jax' / f'jax-{jax.__version__}')
    assert (tmp_path / 'autoint_jax' / f'jax-{jax.__version__}').is_dir()


def test_a_folder_that_the_user_gave_to_jax_stays(tmp_path):
    jax.config.update(OPTIONS[0], 'theirs')
    assert compilation.cache_compilations(str(tmp_path / 'ours')) is None
    assert jax.config.jax_compilation_cache_dir == 'theirs' and not (tmp_path / 'ours').exists()


def test_a_folder_that_cannot_be_written_is_named_and_nothing_changes(tmp_path):
    (tmp_path / 'file').touch()
    assert f'{tmp_path}/file/folder cannot be written' in compilation.cache_compilations(f'{tmp_path}/file/folder')
    assert jax.config.jax_compilation_cache_dir is None


def test_a_folder_that_others_may_write_is_not_used(tmp_path):
    shared = tmp_path / 'shared'
    shared.mkdir()
    shared.chmod(0o775)
    sentence = compilation.cache_compilations(str(shared))
    assert f'compiled programs are not kept: others may write the folder {shared} (mode 0775)' in sentence
    assert jax.config.jax_compilation_cache_dir is None and not list(shared.iterdir())


def test_the_default_folder_is_private_and_one_of_the_users_own_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    (tmp_path / 'autoint_jax').mkdir(mode=0o755)
    assert compilation.cache_compilations(compilation.default_folder()) is None
    for folder in (tmp_path / 'autoint_jax', tmp_path / f'autoint_jax/jax-{jax.__version__}'):
        assert folder.stat().st_mode & 0o777 == 0o700
    jax.config.update(OPTIONS[0], None)
    (tmp_path / 'own').mkdir(mode=0o755)
    assert (
        compilation.cache_compilations(str(tmp_path / 'own')) is None
        and (tmp_path / 'own').stat().st_mode & 0o777 == 0o755
    )
