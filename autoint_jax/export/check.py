"""Scores the golden rows of a bundle by each of its programs, and says PASS, FAIL or NOT RUN for each.

    python -m autoint_jax.export.check bundle/

It imports neither the code of models nor Flax, so it shows that the bundle is enough. Exit statuses: 0 if programs ran
and all passed, 1 if one failed or none could run, 2 if the bundle cannot be used.
"""

import pathlib
import sys
from typing import NamedTuple

import numpy as np

from autoint_jax.bundle.golden import Golden, read_golden
from autoint_jax.bundle.manifest import FORMATS, WEIGHTS, Manifest, verified
from autoint_jax.bundle.weights import read_weights
from autoint_jax.errors import UsageError, system_sentence
from autoint_jax.terminal import shown

PASS, FAIL, NOT_RUN = 'PASS', 'FAIL', 'NOT RUN'
USAGE = 'name one bundle: python -m autoint_jax.export.check bundle/'


class Verdict(NamedTuple):
    """What became of a format.

    Attributes:
      format: its name.
      result: PASS, FAIL or NOT_RUN.
      said: the differences, or the reason.
    """

    format: str
    result: str
    said: str


def verdicts(folder: pathlib.Path) -> list[Verdict]:
    """Checks all files of a bundle, and scores its golden rows by each of its programs.

    Raises:
      UsageError: the bundle cannot be used.
    """
    manifest = verified(folder)
    golden = read_golden(folder)
    read_weights(folder / WEIGHTS, manifest.tensors)
    return [_verdict(folder, manifest, golden, name) for name in manifest.formats]


def _verdict(folder: pathlib.Path, manifest: Manifest, golden: Golden, name: str) -> Verdict:
    """Returns what becomes of a format."""
    if name not in FORMATS:
        return Verdict(name, NOT_RUN, 'this version of the program does not know the format')
    try:
        logits = _SCORERS[name](folder, manifest, golden)
    except ImportError as error:
        return Verdict(name, NOT_RUN, f'the package {error.name or error} cannot be imported')
    except Exception as error:  # whatever a runtime raises: the program does not run
        said = ' '.join(str(error).split())
        return Verdict(name, FAIL, f'{type(error).__name__}: {said[:500]}')
    exported, run = np.array(golden.exported_logits), np.array(golden.logits)
    if logits.shape != exported.shape or not np.isfinite(logits).all():
        return Verdict(name, FAIL, f'it gave {logits.shape} scores, some perhaps not finite, for {len(exported)} rows')
    differences = np.abs(logits - exported)
    largest = float(differences.max(initial=0))
    good = bool((differences <= golden.tolerance * np.maximum(1, np.abs(exported))).all())
    return Verdict(
        name,
        PASS if good else FAIL,
        f'largest difference {largest:.1e} of {len(exported)} golden rows (tolerance {golden.tolerance:.0e}), '
        f'{float(np.abs(logits - run).max(initial=0)):.1e} from the logits of the run',
    )


def _of_stablehlo(folder: pathlib.Path, manifest: Manifest, golden: Golden) -> np.ndarray:
    from autoint_jax.export import stablehlo  # JAX may be missing

    return stablehlo.load(folder, manifest)(*golden.encoded())


def _of_onnx(folder: pathlib.Path, manifest: Manifest, golden: Golden) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / FORMATS['onnx'], providers=['CPUExecutionProvider'])
    fed = dict(zip(('ids', 'numeric'), golden.encoded(), strict=True))
    given = {one.name: fed[one.name] for one in session.get_inputs()}  # a graph without numbers has no such input
    return np.asarray(session.run(['logits'], given)[0])


def _of_raw_rows(folder: pathlib.Path, manifest: Manifest, golden: Golden) -> np.ndarray:
    from autoint_jax.serving.scorer import Scorer  # ONNX Runtime may be missing

    return Scorer(folder, threads=1).score(golden.rows).logits


def _of_requests(folder: pathlib.Path, manifest: Manifest, golden: Golden) -> np.ndarray:
    """Scores each row as the only candidate of its own context."""
    from autoint_jax.serving.scorer import Scorer

    scorer, logits = Scorer(folder, threads=1), []
    for row in golden.rows:
        context = {name: row[name] for name in scorer.context}
        candidate = {name: value for name, value in row.items() if name not in context}
        logits.append(scorer.score_request(context, [candidate]).logits)
    return np.concatenate(logits)


_SCORERS = {'stablehlo': _of_stablehlo, 'onnx': _of_onnx, 'onnx_raw': _of_raw_rows, 'onnx_request': _of_requests}


def main(arguments: list[str]) -> int:
    """Prints the verdicts and returns the exit status."""
    if len(arguments) != 1 or arguments[0].startswith('-'):
        print(f'error: {USAGE}', file=sys.stderr)
        return 2
    try:
        found = verdicts(pathlib.Path(arguments[0]))
    except UsageError as error:
        print(f'error: {shown(error)}', file=sys.stderr)
        return 2
    except OSError as error:
        print(f'error: {shown(system_sentence(error))}', file=sys.stderr)
        return 2
    for verdict in found:
        print(shown(f'{verdict.format}: {verdict.result} ({verdict.said})'))
    results = {verdict.result for verdict in found}
    if PASS not in results and FAIL not in results:
        print('no program of the bundle could run here', file=sys.stderr)
    return 0 if PASS in results and FAIL not in results else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
