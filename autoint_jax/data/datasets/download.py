"""Downloads MovieLens-100k, the data set of the quick start, and verifies its checksum."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile

from autoint_jax.data.store.scratch import unfinished
from autoint_jax.errors import UsageError

HOME = 'https://files.grouplens.org/datasets/movielens/ml-100k.zip'
HOME_MD5 = '0e33842e24a9c977be4e0107933c0723'  # as grouplens.org publishes it
HOME_FILES = ('ml-100k/u.user', 'ml-100k/u.item', 'ml-100k/u.data')

WHEEL = 'recbole==1.2.1'  # this package contains the same ratings as plain files; it is not installed or imported
WHEEL_SHA256 = '9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407'
WHEEL_FILES = tuple(f'recbole/dataset_example/ml-100k/ml-100k.{part}' for part in ('user', 'item', 'inter'))


def movielens_100k(folder: pathlib.Path, *, home: str = HOME, wheel: str = WHEEL) -> pathlib.Path:
    """Downloads the three raw files into `folder`, unless it exists.

    They come from grouplens.org, or else from a Python package.

    Args:
      folder: of the raw files.
      home: URL of the archive at grouplens.org.
      wheel: name and version of the package.

    Returns:
      `folder`.

    Raises:
      UsageError: both ways failed; the sentence names both and their errors.
    """
    if folder.exists():
        return folder
    with unfinished(folder) as scratch:
        files = scratch / 'files'
        failures = []
        for way, download in ((home, lambda: _from_home(home, files)), (wheel, lambda: _from_wheel(wheel, files))):
            try:
                download()
                break
            except (OSError, ValueError, zipfile.BadZipFile) as error:
                failures.append(f'{way}: {error}')
                shutil.rmtree(files, ignore_errors=True)
        else:
            raise UsageError(
                f'MovieLens-100k could not be downloaded, neither from {HOME} nor from the package {wheel} '
                f'({"; ".join(failures)}): download the archive by other means, unpack it, and pass --raw_dir=FOLDER'
            )
        os.rename(files, folder)
    return folder


def _from_home(home: str, files: pathlib.Path) -> None:
    """Downloads the archive of grouplens.org and extracts its files to the folder `files`."""
    archive = files.with_name('ml-100k.zip')
    with urllib.request.urlopen(home, timeout=20) as response, open(archive, 'wb') as file:
        shutil.copyfileobj(response, file)
    _extract(archive, HOME_FILES, files, 'md5', HOME_MD5)


def _from_wheel(wheel: str, files: pathlib.Path) -> None:
    """Downloads the package by pip and extracts its files to the folder `files`. Raises ValueError if pip fails."""
    into = files.with_name('wheel')
    done = subprocess.run(
        [sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', str(into), wheel],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise ValueError((done.stderr.strip().splitlines() or ['pip download failed'])[-1])
    _extract(next(into.glob('*.whl')), WHEEL_FILES, files, 'sha256', WHEEL_SHA256)


def _extract(archive: pathlib.Path, names: tuple[str, ...], files: pathlib.Path, kind: str, expected: str) -> None:
    """Extracts files of a ZIP archive.

    Raises ValueError if the archive's checksum of that kind is not the expected one.
    """
    found = hashlib.new(kind, archive.read_bytes()).hexdigest()
    if found != expected:
        raise ValueError(f'{archive.name} has {kind} {found}, expected {expected}')
    files.mkdir()
    with zipfile.ZipFile(archive) as content:
        for name in names:
            (files / pathlib.PurePosixPath(name).name).write_bytes(content.read(name))
