"""The trials of a model: values that are drawn from its space before any training, the same in every start.

Four trials share a shape: they differ only in rates, such as the learning rate, so they can train in one program. The
values of each option form a Latin hypercube (McKay, Beckman and Conover, 1979): its range is cut into as many equal
parts as there are trials, or shapes, and one value is drawn from each part. The parts follow each other in a random
order that depends on the option and the seed alone. So all models try the same values of the options that they share,
but for shapes that are refused, such as those with too many parameters: all options of such a shape are drawn again.
"""

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.replicas_config import OF_COPIES
from autoint_jax.errors import UsageError
from autoint_jax.leaderboard.spaces import ModelSpace
from autoint_jax.sweeps.search_space import Choices, Range

OF_A_SHAPE = 4  # trials that share a shape
ATTEMPTS = 200  # draws of a shape before the space is given up
RATES = frozenset(OF_COPIES.values())  # options that change no shape


class Problem(NamedTuple):
    """Why a shape is no trial, '' if it is one, and what the user can do if no shape is one."""

    reason: str
    mend: str


def drawn(space: ModelSpace, trials: int, seed: int, refused: Callable[[Config], str]) -> list[Config]:
    """Draws the trials of a model.

    A shape that is refused is drawn again, evenly from the space; it may equal another shape.

    Args:
      space: the space of the model.
      trials: the number of trials.
      seed: the seed of the draws.
      refused: says in a clause why a configuration cannot be a trial; '' if it can be one.

    Returns:
      The configurations of the trials; those that share a shape stand together.

    Raises:
      UsageError: no draw of a shape is accepted.
    """
    shapes = -(-trials // OF_A_SHAPE)
    rates = {option: part for option, part in space.options.items() if option in RATES}
    others = {option: part for option, part in space.options.items() if option not in RATES}
    even = {option: quantiles(option, shapes, seed) for option in others}
    found = []
    for number in range(shapes):
        problem = Problem('', '')
        for attempt in range(ATTEMPTS):
            places = {
                option: even[option][number] if not attempt else _place(option, number, attempt, seed)
                for option in others
            }
            shape = {option: value_at(part, places[option]) for option, part in others.items()}
            problem = _problem(space.config, shape, refused)
            if not problem.reason:
                break
        else:
            raise UsageError(
                f'{space.file}: [models.{space.name}] gave no trial in {ATTEMPTS} draws, the last because '
                f'{problem.reason}: {problem.mend}'
            )
        found += [shape] * min(OF_A_SHAPE, trials - number * OF_A_SHAPE)
    at = {option: quantiles(option, trials, seed) for option in rates}
    return [
        configuration.replace(
            space.config, shape | {option: value_at(part, at[option][place]) for option, part in rates.items()}
        )
        for place, shape in enumerate(found)
    ]


def quantiles(option: str, count: int, seed: int) -> np.ndarray:
    """Returns places within a range, [count] from 0 to below 1: one in each of `count` equal parts, in random order."""
    rng = np.random.default_rng((seed, zlib.crc32(option.encode())))
    return (rng.permutation(count) + rng.random(count)) / count


def value_at(part: Range | Choices, place: float) -> Any:
    """Returns the value at a place of a range or of choices; numbers have four digits.

    Args:
      part: the range or the choices.
      place: from 0, the low end or the first choice, to below 1.
    """
    if isinstance(part, Choices):
        return part.choices[int(place * len(part.choices))]
    whole = isinstance(part.low, int)
    high = part.high + 1 if whole else part.high
    found = part.low * (high / part.low) ** place if part.log else part.low + (high - part.low) * place
    return min(max(int(found) if whole else float(f'{found:.4g}'), part.low), part.high)


def _place(option: str, number: int, attempt: int, seed: int) -> float:
    return float(np.random.default_rng((seed, zlib.crc32(option.encode()), number, attempt)).random())


def _problem(config: Config, shape: dict[str, Any], refused: Callable[[Config], str]) -> Problem:
    try:
        return Problem(refused(configuration.replace(config, shape)), 'widen its space, or raise --most_parameters')
    except UsageError as error:
        return Problem(str(error), 'give its space values that can stand together')
