"""Checks whether a preparation would make the same data now.

The declaration or recipe, the raw files, and the version of the encoding are compared.
"""

import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from autoint_jax import stored
from autoint_jax.data.preparation.differences import differences
from autoint_jax.data.preparation.origin import (
    ENCODING,
    ORIGIN_KEY,
    RECORDED,
    Origin,
    Stamp,
    checksum_of,
    key_of,
    plain,
    stamp,
)
from autoint_jax.data.raw.bad_rows import allowed
from autoint_jax.data.store.listener import Say
from autoint_jax.data.store.prepared import LARGE, PreparedData
from autoint_jax.data.store.value_checks import AGAIN
from autoint_jax.data.text.packed import PACKED, unpacked_name
from autoint_jax.errors import UsageError
from autoint_jax.units import counted

EXTENDS = 'extends'  # the manifest's key for the hash of the data that is extended
KEEP_BOTH = '--overwrite prepares it again, another --data_dir keeps both'
SHOWN = 5  # most differences in a sentence
# So many bytes of raw files are compared by checksum without being asked, if an earlier version recorded no times.
OLD_COMPARED = 1 << 28


class Asked(NamedTuple):
    """The preparation that the user asks for now.

    Attributes:
      origin: of the data.
      raw_dir: folder of raw files that the user named, or None.
      usual_raw_dir: the folder if the user named none; None for the folder of the last preparation.
      max_bad_share: share of the rows that may be unreadable.
      verify: compare checksums even if size and times of a file are the same.
      extends: hash of the data that shall be extended; None if there is none.
    """

    origin: Origin
    raw_dir: pathlib.Path | None
    usual_raw_dir: pathlib.Path | None
    max_bad_share: float
    verify: bool
    extends: str | None = None


def check(data: PreparedData, asked: Asked, say: Say, mend: str = KEEP_BOTH) -> None:
    """Raises UsageError that names the differences if a preparation would make other data now.

    Args:
      data: as it was prepared.
      asked: the preparation now.
      say: is told which files are compared, and which differences cannot be found.
      mend: what the user can do, as the end of the sentence.
    """
    recorded = data.preparation.get(ORIGIN_KEY)
    if recorded is not None:
        stored.checked(recorded, RECORDED, str(data.folder / 'manifest.json'), mend=AGAIN)
    found = list(_since_then(recorded, asked, say) if recorded else _of_an_earlier_version(data, asked, say))
    found += _bad_rows(data, recorded, asked)
    found += _extended(data.manifest.get(EXTENDS), asked.extends)
    if found:
        more = f' and {len(found) - SHOWN} more' if len(found) > SHOWN else ''
        of_other = _other_declaration(recorded, asked)
        raise UsageError(
            f'{data.folder} was prepared{of_other} from other things than those that are asked for now: '
            f'{"; ".join(found[:SHOWN])}{more}: {mend}'
        )


def declaration_of(data: PreparedData) -> str | None:
    """Returns the absolute path of the declaration that data was prepared by; None if there was none, or unknown."""
    return _declaration(data.preparation.get(ORIGIN_KEY))


def _declaration(recorded: dict[str, Any] | None) -> str | None:
    return (recorded or {}).get('declaration')


def _since_then(recorded: dict[str, Any], asked: Asked, say: Say) -> Iterator[str]:
    """Yields the differences from a recorded origin, a sentence each."""
    if recorded['encoding'] != ENCODING:
        yield (
            f'it was encoded by version {recorded["encoding"]} of the encoding, and this program has version {ENCODING}'
        )
    if recorded['meaning'] != plain(asked.origin.meaning):
        # New versions of this project may add keys to a recipe; in a declaration every key is the user's.
        yield from differences(
            recorded['declared'], plain(asked.origin.declared), only_recorded=asked.origin.declaration is None
        )
    folder, paths, problem = _raw_files(asked, pathlib.Path(recorded['raw_dir']))
    if problem is None:
        yield from _files(recorded, folder, paths, asked.verify, say)
        return
    gone = [file['path'] for file in recorded['files'].values() if not os.path.exists(file['path'])]
    if len(gone) == len(recorded['files']):
        say(f'the raw files are not in {recorded["raw_dir"]} any more, so it cannot be told whether they have changed')
    else:
        yield '; '.join(f'{path} is gone' for path in gone[:SHOWN]) or str(problem)


def _raw_files(
    asked: Asked, recorded: pathlib.Path | None
) -> tuple[pathlib.Path, Sequence[pathlib.Path], UsageError | None]:
    """Returns the folder of raw files, the files, and an error if there are none.

    Raises UsageError if the user named the folder.
    """
    if asked.raw_dir is not None and (recorded is None or not _same(asked.raw_dir, recorded)):
        return asked.raw_dir, asked.origin.find(asked.raw_dir), None
    problem: UsageError | None = None
    last: pathlib.Path | None = None
    for folder in (asked.raw_dir, asked.usual_raw_dir, recorded):
        if folder is not None:
            last = folder
            try:
                return folder, asked.origin.find(folder), None
            except (UsageError, OSError) as error:
                problem = problem or UsageError(str(error))
    return last or pathlib.Path(), (), problem or UsageError('no folder of raw files is named')


def _same(one: pathlib.Path, other: pathlib.Path) -> bool:
    return os.path.abspath(one) == os.path.abspath(other)


def _files(
    recorded: dict[str, Any], folder: pathlib.Path, paths: Sequence[pathlib.Path], verify: bool, say: Say
) -> Iterator[str]:
    """Yields the differences of raw files. Contents are compared if times or places differ but sizes do not."""
    now, then = {key_of(path, folder): path for path in paths}, recorded['files']
    found = [f'{now[key]} is a new file' for key in now if key not in then]
    found += [f'{file["path"]} is no longer among the files' for key, file in then.items() if key not in now]
    both = [key for key in now if key in then]
    if both != [key for key in then if key in now]:
        found.append('the files are in another order')
    touched, moved = [], False
    for key in both:
        path, before = now[key], Stamp(*(then[key][name] for name in Stamp._fields))
        elsewhere, after = os.path.abspath(path) != then[key]['path'], stamp(path)
        if after.size != before.size and path.suffix.lower() not in PACKED:
            found.append(
                f'{path} has {after.size:,} bytes, {then[key]["path"] if elsewhere else "it"} had {before.size:,}'
            )
        elif verify or elsewhere or after != before:
            touched.append(key)
        moved |= elsewhere
    found += _contents({key: now[key] for key in touched}, {key: then[key]['sha256'] for key in touched}, say)
    if moved and found:
        found.append(f'--raw_dir was {recorded["raw_dir"]} and is {folder}')
    elif moved:
        say(f'the raw files of {folder} have the same content as those of {recorded["raw_dir"]} had')
    yield from found


def _contents(paths: dict[str, pathlib.Path], checksums: dict[str, str], say: Say) -> Iterator[str]:
    """Yields a sentence for each file whose content does not have its checksum."""
    total = sum(path.stat().st_size for path in paths.values())
    if total >= LARGE:
        say(f'comparing {total / 1e9:.1f} GB of raw files with their checksums')
    for key, path in paths.items():
        if checksum_of(path) != checksums[key]:
            yield f'{path} has another content'


def _of_an_earlier_version(data: PreparedData, asked: Asked, say: Say) -> Iterator[str]:
    """Yields the differences from a manifest that records neither the declaration nor sizes and times of files."""
    yield from differences(data.manifest.get('parameters'), plain(asked.origin.parameters), only_recorded=True)
    checksums = data.manifest.get('sources_sha256', {})
    _, paths, problem = _raw_files(asked, None)
    untold = f'{data.folder} was prepared by an earlier version, which did not record '
    if problem is not None:
        say(f'{untold}where its raw files were, so it cannot be told whether they have changed')
        return
    names = {unpacked_name(path): path for path in paths}
    if names.keys() != checksums.keys():
        yield f'it was prepared from {", ".join(checksums) or "no file"}, and the files are now {", ".join(names)}'
        return
    if asked.verify or sum(path.stat().st_size for path in paths) <= OLD_COMPARED:
        yield from _contents(names, checksums, say)
        say(f'{untold}all that it was made from: fields, split and raw files were compared')
    else:
        say(
            f'{untold}the sizes and times of raw files, so it cannot be told whether they have changed: --verify '
            'compares them'
        )


def _bad_rows(data: PreparedData, recorded: dict[str, Any] | None, asked: Asked) -> Iterator[str]:
    """Yields a sentence if there are more bad rows than are allowed now, and more were allowed then."""
    bad = data.manifest.get('bad_rows', 0)
    rows = bad + sum(split['rows'] for split in data.manifest['splits'].values())
    then = (recorded or {}).get('max_bad_share')
    now = allowed(asked.max_bad_share, rows)
    if then is not None and asked.max_bad_share < then and bad > now:
        yield (
            f'{bad:,} of {counted(rows, "row")} could not be parsed, which --max_bad_share={then:g} allowed and '
            f'{asked.max_bad_share:g} does not'
        )


def _extended(then: str | None, now: str | None) -> Iterator[str]:
    """Yields a sentence if other data was extended than is asked for now; both are hashes."""
    if then != now:
        was, is_now = (f'the data with hash {name[:12]}' if name else 'no other data' for name in (then, now))
        yield f'it extends {was}, and shall extend {is_now} (--extend_from)'


def _other_declaration(recorded: dict[str, Any] | None, asked: Asked) -> str:
    """' by FILE' if the data was prepared by another declaration, else ''."""
    path, now = _declaration(recorded), asked.origin.declaration
    return f' by {path}' if path and now is not None and path != os.path.abspath(now) else ''
