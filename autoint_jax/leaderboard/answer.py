"""The answer of a leaderboard in sentences: which model to use, and whether its lead is real."""

from collections.abc import Sequence

from autoint_jax.comparison.figures import Compared, Spread
from autoint_jax.evaluation.paired import LEVEL
from autoint_jax.leaderboard.board import Board
from autoint_jax.leaderboard.standings import METRICS, Standing, Standings
from autoint_jax.units import counted

FEW_ROWS = 2000  # of the test split; fewer are named as few


def answer(board: Board, found: Standings) -> list[str]:
    """Returns the sentences of the answer: the best model, whom it beats by more than chance, and what is doubtful."""
    best, of = found.models[0], found.tests[METRICS[0]]
    seeds = len(best.setting.runs)
    sentences = [
        f'{best.model} has the best validation logloss of {len(found.models)} models with equal budgets; its test '
        f'logloss is {shown(of.test[0])} over {counted(seeds, "seed")}'
    ]
    tested = [test for test in of.others if test.tests.blocks > 1]
    if found.incomplete:
        sentences.append(
            f'{_listed(found.incomplete)} {"is" if len(found.incomplete) == 1 else "are"} not complete yet, so this '
            'answer may change'
        )
    sentences += [
        f'{one.model} has figures of {len(one.setting.runs)} of {counted(board.budget.seeds, "seed")}, because its '
        'other runs failed'
        for one in found.models
        if len(one.setting.runs) < board.budget.seeds
    ]
    if not tested:
        return [*sentences, 'Whether its lead is real cannot be said, because that takes at least two seeds']
    worse = [test.setting for test in tested if _sure(test.t) and test.tests.difference.value < 0]
    better = [test.setting for test in tested if _sure(test.t) and test.tests.difference.value > 0]
    equal = [place for place in range(1, len(found.models)) if place not in (*worse, *better)]
    names = [standing.model for standing in found.models]
    if not equal and not better:
        sentences.append(
            f'{"Of the models that are complete" if found.incomplete else "Use it"}: on the test split it is better '
            'than every other model by more than chance (paired t-tests over seeds, p below 0.05 after '
            "Holm's correction)"
        )
    else:
        sentences.append(
            f'On the test split it is better than {len(worse)} of {len(of.others)} other models by more than chance '
            "(paired t-tests over seeds, p below 0.05 after Holm's correction)"
        )
    if equal:
        which = 'among these' if len(equal) > 1 else 'between the two'
        sentences.append(
            f'Its difference from {_listed([names[place] for place in equal])} may be chance: choose '
            f'{which} by cost or ease{_cheapest(found.models, of, [0, *equal])}'
        )
    if better:
        sentences.append(
            f'{_listed([names[place] for place in better])} {"has" if len(better) == 1 else "have"} a better test '
            'logloss by more than chance, though validation rows say otherwise: a few rows more may change this order'
        )
    sentences += _beside(board.beside, found)
    rows = len(board.data.split('test'))
    if rows < FEW_ROWS:
        sentences.append(
            f'The test split has only {rows:,} rows: other rows may give another order, which tests over seeds do not '
            'show'
        )
    return sentences


def _beside(model: str, found: Standings) -> list[str]:
    """Returns the sentence about the models that are tested beside a model; [] if there are no such tests."""
    names = [standing.model for standing in found.models]
    sure = [test for test in found.beside if _sure(test.t)]
    better = [names[test.setting] for test in sure if test.tests.difference.value > 0]
    worse = [names[test.setting] for test in sure if test.tests.difference.value < 0]
    level = [names[test.setting] for test in found.beside if names[test.setting] not in (*better, *worse)]
    parts = [
        f'{_listed(ones)} {"is" if len(ones) == 1 else "are"} {what}'
        for ones, what in (
            (better, 'better by more than chance'),
            (level, 'not different by more than chance'),
            (worse, 'worse by more than chance'),
        )
        if ones
    ]
    return [f'Beside {model}, {"; ".join(parts)}'] if parts else []


def shown(spread: Spread) -> str:
    """Returns a mean and its deviation as text."""
    return f'{spread.mean:.4f}' + ('' if spread.deviation is None else f' ± {spread.deviation:.4f}')


def _sure(p: float) -> bool:
    return p < 1 - LEVEL


def _cheapest(models: Sequence[Standing], of: Compared, places: list[int]) -> str:
    """Returns a clause that names the model with the fewest parameters among some models."""
    sizes = {place: models[place].setting.runs[0].result for place in places}
    total = {place: one.parameters + one.embedding_parameters for place, one in sizes.items()}
    least = min(total, key=lambda place: total[place])
    return (
        f'; {models[least].model} has the fewest parameters of them, {total[least]:,}, and test logloss '
        f'{shown(of.test[least])}'
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f'{", ".join(names[:-1])} and {names[-1]}'
