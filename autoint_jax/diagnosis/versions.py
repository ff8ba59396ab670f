"""Versions of Python and packages against requirements.txt, and combinations known to be bad. Imports no JAX."""

import importlib.metadata
import operator
import pathlib
import platform
import re
from typing import NamedTuple

from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check

REQUIREMENT = re.compile(
    r'([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==([^\s;]+)\s*'
    r'(?:;\s*python_version\s*(<=|<|>=|>|==)\s*"([\d.]+)")?'
)
COMPARISONS = {'<': operator.lt, '<=': operator.le, '>=': operator.ge, '>': operator.gt, '==': operator.eq}


class KnownBad(NamedTuple):
    """Versions of a package from `first` on and below `before` ('' = no bound) that do harm.

    Attributes:
      gpu_only: on GPUs only.
      verdict: BAD, or NOTE where it depends on what cannot be seen here.
      why: what happens and what to do.
      source: who says so.
    """

    package: str
    first: str
    before: str
    gpu_only: bool
    verdict: str
    why: str
    source: str


_SCATTER = (
    'scatter-add, the gradient of an embedding, is reported 450 to 2000 times slower on GPUs: install jax '
    '0.10.1, or 0.12 on Python 3.12 and newer'
)
KNOWN_BAD = (
    KnownBad('python', '', '3.11', False, BAD, 'this package needs Python 3.11 or newer', 'pyproject.toml'),
    KnownBad('jax', '', '0.10.1', False, BAD, 'this package needs jax 0.10.1 or newer', 'pyproject.toml'),
    KnownBad('jaxlib', '0.10.2', '0.10.3', True, BAD, _SCATTER, 'openxla/xla#46225, jax-ml/jax#38806'),
    KnownBad('jaxlib', '0.11.0', '0.11.1', True, BAD, _SCATTER, 'openxla/xla#46225, jax-ml/jax#38806'),
    KnownBad(
        'jaxlib',
        '0.11.0',
        '0.11.2',
        True,
        NOTE,
        'wrong values and NaN are reported with CUDA 13 on an RTX A6000: see that the operations below are ok',
        'jax-ml/jax#40633',
    ),
    KnownBad(
        'orbax-checkpoint',
        '1',
        '',
        False,
        BAD,
        'version 1 has another interface, and checkpoints are written '
        'through that of 0.12: install orbax-checkpoint below 1',
        'pyproject.toml',
    ),
)


def number(version: str) -> tuple[int, ...]:
    """The release of a version, without trailing zeros, to compare: '0.12.0.1rc1' -> (0, 12, 0, 1)."""
    release = re.match(r'\d+(?:\.\d+)*', version)
    parts = [int(part) for part in release[0].split('.')] if release else []
    while parts and not parts[-1]:
        parts.pop()
    return tuple(parts)


def pins(requirements: pathlib.Path) -> dict[str, str]:
    """The exact versions that a requirements file asks for under this Python; jaxlib goes with jax.

    Lines that pin nothing (comments, options) are passed over.
    """
    running, found = '.'.join(platform.python_version_tuple()[:2]), {}
    for line in requirements.read_text().splitlines():
        if match := REQUIREMENT.match(line.strip()):
            name, version, comparison, bound = match.groups()
            if comparison is None or COMPARISONS[comparison](number(running), number(bound)):
                found[name] = version
    if 'jax' in found:
        found.setdefault('jaxlib', found['jax'])
    return found


def installed(names: list[str]) -> dict[str, str | None]:
    """Versions of Python and of packages; None where one is not installed."""
    found: dict[str, str | None] = {'python': platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def needed() -> set[str] | None:
    """Packages that this one cannot do without, or None where its own metadata is not installed."""
    try:
        return {
            re.split(r'[^A-Za-z0-9_.-]', line)[0]
            for line in importlib.metadata.requires('autoint_jax') or []
            if 'extra ==' not in line
        } | {'jaxlib'}
    except importlib.metadata.PackageNotFoundError:
        return None


def known_bad(found: dict[str, str | None], *, gpu: bool) -> list[Check]:
    """What KNOWN_BAD says of the versions found."""
    return [
        Check(bad.verdict, f'{bad.package} {version}: {bad.why} ({bad.source})')
        for bad in KNOWN_BAD
        if (version := found.get(bad.package))
        and number(version) >= number(bad.first)
        and (not bad.before or number(version) < number(bad.before))
        and (gpu or not bad.gpu_only)
    ]


def checks(
    pinned: dict[str, str], found: dict[str, str | None], required: set[str] | None, *, gpu: bool
) -> list[Check]:
    """Each pinned package as found, then what is known to be bad.

    Args:
      pinned: from `pins`.
      found: from `installed`.
      required: from `needed`; of the other packages, which tests use, a missing one is only noted. None requires all.
      gpu: JAX computes on a GPU.
    """
    result = [Check(OK, f'python {found["python"]}')]
    for name, version in pinned.items():
        if found[name] is None:
            verdict = BAD if required is None or name in required else NOTE
            result.append(Check(verdict, f'{name} is not installed: pip install "{name}=={version}"'))
        elif number(found[name]) == number(version):
            result.append(Check(OK, f'{name} {found[name]}'))
        else:
            result.append(Check(NOTE, f'{name} {found[name]} is installed, requirements.txt pins {version}'))
    if found.get('jax') and found.get('jaxlib') and number(found['jax']) != number(found['jaxlib']):
        result.append(Check(NOTE, f'jax {found["jax"]} with jaxlib {found["jaxlib"]}: they are released in pairs'))
    return result + known_bad(found, gpu=gpu)
