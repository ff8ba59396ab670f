"""Compares versions of Python and packages with requirements.txt and with versions known to be bad. Imports no JAX."""

import importlib.metadata
import operator
import pathlib
import platform
import re
from typing import NamedTuple

from autoint_jax import packages
from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check

REQUIREMENT = re.compile(
    r'([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==([^\s;]+)\s*'
    r'(?:;\s*python_version\s*(<=|<|>=|>|==)\s*"([\d.]+)")?'
)
# Packages that every run needs; `packages.OPTIONAL` has those that some tasks need.
NEEDED = tuple(packages.TRAINING.values())
COMPARISONS = {'<': operator.lt, '<=': operator.le, '>=': operator.ge, '>': operator.gt, '==': operator.eq}


class KnownBad(NamedTuple):
    """Versions of a package that are known to be bad.

    Attributes:
      package: the name of the package.
      first: the first bad version; '' for no bound.
      before: the first good version after the bad ones; '' for no bound.
      gpu_only: whether they are bad on GPUs only.
      verdict: BAD, or NOTE if the problem depends on something that cannot be checked here.
      why: the problem and what to do.
      source: where the problem is reported.
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
        'wrong values and NaN are reported with CUDA 13 on an RTX A6000: check that the operations below are ok',
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
    """Returns the release of a version without trailing zeros, for comparisons: '0.12.0.1rc1' -> (0, 12, 0, 1)."""
    release = re.match(r'\d+(?:\.\d+)*', version)
    parts = [int(part) for part in release[0].split('.')] if release else []
    while parts and not parts[-1]:
        parts.pop()
    return tuple(parts)


def pins(requirements: pathlib.Path) -> dict[str, str]:
    """Reads the exact versions that a requirements file pins for this Python: {package: version}.

    jaxlib has the version of jax. Lines that pin nothing (comments, options) are ignored.
    """
    running = '.'.join(platform.python_version_tuple()[:2])
    found: dict[str, str] = {}
    for line in requirements.read_text().splitlines():
        if match := REQUIREMENT.match(line.strip()):
            name, version, comparison, bound = match.groups()
            if comparison is None or COMPARISONS[comparison](number(running), number(bound)):
                found[name] = version
    if 'jax' in found:
        found.setdefault('jaxlib', found['jax'])
    return found


def installed(names: list[str]) -> dict[str, str | None]:
    """Returns {package: version} of Python and of packages; None for a package that is not installed."""
    found: dict[str, str | None] = {'python': platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _missing(name: str, version: str) -> Check:
    """Returns a check that says who needs a package that is not installed; BAD if every run needs it."""
    install = f'pip install "{name}=={version}"'
    if name in NEEDED:
        return Check(BAD, f'{name} is not installed: {install}')
    for package in packages.OPTIONAL.values():
        if package.distribution == name:
            return Check(
                NOTE, f'{name} is not installed; {package.without or f"{package.purpose} needs it"}: {install}'
            )
    return Check(NOTE, f'{name} is not installed; only development needs it: {install}')


def known_bad(found: dict[str, str | None], *, gpu: bool) -> list[Check]:
    """Returns a check for each installed version that is in KNOWN_BAD."""
    return [
        Check(bad.verdict, f'{bad.package} {version}: {bad.why} ({bad.source})')
        for bad in KNOWN_BAD
        if (version := found.get(bad.package))
        and number(version) >= number(bad.first)
        and (not bad.before or number(version) < number(bad.before))
        and (gpu or not bad.gpu_only)
    ]


def checks(pinned: dict[str, str], found: dict[str, str | None], *, gpu: bool) -> list[Check]:
    """Checks each pinned package, then known bad versions.

    Args:
      pinned: the result of `pins`.
      found: the result of `installed`.
      gpu: whether JAX computes on a GPU.
    """
    result = [Check(OK, f'python {found["python"]}')]
    for name, version in pinned.items():
        present = found[name]
        if present is None:
            result.append(_missing(name, version))
        elif number(present) == number(version):
            result.append(Check(OK, f'{name} {present}'))
        else:
            result.append(Check(NOTE, f'{name} {present} is installed, requirements.txt pins {version}'))
    jax, jaxlib = found.get('jax'), found.get('jaxlib')
    if jax and jaxlib and number(jax) != number(jaxlib):
        result.append(Check(NOTE, f'jax {jax} with jaxlib {jaxlib}: use the same version of both'))
    return result + known_bad(found, gpu=gpu)
