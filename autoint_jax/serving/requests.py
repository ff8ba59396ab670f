"""The body of a request to score, and the body of its answer."""

import json
from typing import Any, NamedTuple, NoReturn

import numpy as np

from autoint_jax.errors import UsageError
from autoint_jax.serving.limits import Limits
from autoint_jax.serving.scorer import Scorer, Scores
from autoint_jax.terminal import shown

ROWS, CONTEXT, CANDIDATES = 'rows', 'context', 'candidates'  # keys of a body
FORM = '{"rows": [{COLUMN: VALUE, ...}, ...]} or {"context": {...}, "candidates": [{...}, ...]}'


class Refused(UsageError):
    """A request that is answered with an error.

    Attributes:
      code: the status of the answer.
    """

    def __init__(self, code: int, sentence: str):
        super().__init__(sentence)
        self.code = code


class Asked(NamedTuple):
    """What a request asks for.

    Attributes:
      rows: the rows, or the candidates.
      context: what the candidates share; None if the request has rows.
    """

    rows: list[Any]
    context: Any

    def scores(self, scorer: Scorer) -> Scores:
        """Computes the scores. Raises UsageError as the scorer does, and if a row has no score."""
        if self.context is None:
            scores, called = scorer.score(self.rows), 'row'
        else:
            scores, called = scorer.score_request(self.context, self.rows), 'candidate'
        if without := scores.without:
            shared = '' if self.context is None else ' or the context'
            raise UsageError(
                f'{called} {without[0]} has no score: a value of it{shared} is none that its column can hold, such as '
                'a word in a column of whole numbers; correct it'
            )
        return scores


def asked(body: bytes, limits: Limits) -> Asked:
    """Returns what the body of a request asks for.

    Raises:
      Refused: the body is not JSON in UTF-8, has another form, or more rows than the limit.
    """
    try:
        value = json.loads(body.decode('utf-8'), parse_constant=_refuse)
    except RecursionError:
        raise Refused(422, 'the body is nested too deeply: send ' + FORM) from None
    except UnicodeDecodeError as error:
        raise Refused(422, f'the body is not a text in UTF-8 (byte {error.start}): send JSON in UTF-8') from None
    except ValueError as error:
        raise Refused(422, f'the body is not JSON ({shown(error)}): send {FORM}') from None
    if not isinstance(value, dict):
        raise Refused(422, f'the body is JSON, but not an object: send {FORM}')
    keys = set(value)
    if keys not in ({ROWS}, {CONTEXT, CANDIDATES}):
        named = ', '.join(shown(repr(key)[:40]) for key in sorted(keys)[:8]) or 'no keys'
        raise Refused(422, f'the body has {named}: send {FORM}')
    rows = value[ROWS if ROWS in keys else CANDIDATES]
    name = ROWS if ROWS in keys else CANDIDATES
    if not isinstance(rows, list):
        raise Refused(422, f'{name!r} is not a list: send {FORM}')
    if not rows:
        raise Refused(422, f'{name!r} is an empty list: send at least one of them')
    if len(rows) > limits.rows:
        raise Refused(
            413,
            f'{name!r} has {len(rows):,} entries, more than the {limits.rows:,} of a request: send several requests',
        )
    if name == CANDIDATES and not isinstance(value[CONTEXT], dict):
        raise Refused(422, f"'context' is not an object: send {FORM}")
    return Asked(rows, value.get(CONTEXT))


def answer(scores: Scores) -> bytes:
    """Returns scores as JSON. `ignored` is there only if some columns were not read.

    Nine digits say every number of float32 exactly, and are written faster than all digits of its float64.
    """
    ignored = f',"ignored":{json.dumps(scores.ignored)}' if scores.ignored else ''
    return (
        f'{{"probabilities":{_numbers(scores.probabilities)},"logits":{_numbers(scores.logits)}{ignored}}}'
    ).encode()


def _numbers(values: np.ndarray) -> str:
    """Returns float32 [n] as a list in JSON. Raises ValueError for NaN and infinities, which are no JSON."""
    if not np.isfinite(values).all():
        raise ValueError('a score is not finite, which no model should give')
    return f'[{",".join(["%.9g"] * len(values)) % tuple(values.tolist())}]'


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f'{constant} is no JSON; null is a missing value')
