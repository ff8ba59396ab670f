"""Single rows: their values, their prediction, their attention, and what each value and pair does to the prediction."""

from collections.abc import Mapping

import numpy as np

from autoint_jax.evaluation.calibration import probabilities
from autoint_jax.explain import attention
from autoint_jax.explain.counterfactuals import taken
from autoint_jax.explain.findings import Row
from autoint_jax.explain.strengths import INTERVENTION, Asked, by_row
from autoint_jax.explain.survey.field_groups import Measured, scores_of_row
from autoint_jax.explain.survey.request import Choice, Source, Surveyed, rows_for
from autoint_jax.explain.texts import ValueTexts

MOST_PAIRS = 20  # of a row, the strongest
MOST_BACKGROUNDS = 16  # rows whose values replace those of a row


def single_rows(
    surveyed: Surveyed,
    texts: ValueTexts,
    source: Source,
    numbers: np.ndarray,
    background: np.ndarray,
    pairs: Mapping[str, Measured],
    choice: Choice,
    *,
    has_attention: bool,
) -> list[Row]:
    """Returns what is known about single rows.

    Effects are by intervention: means over several background rows.

    Args:
      surveyed: the run.
      texts: writes values where the source has no raw ones.
      source: the rows.
      numbers: which rows, int [k]; at least one.
      background: numbers of the rows from which background rows are drawn.
      pairs: {kind: the pairs of fields, as they were measured}.
      choice: how many scores may be computed, and the seed.
      has_attention: whether the model has attention over fields.
    """
    run, rows = surveyed.run, taken(source.columns, numbers)
    beside = taken(source.columns, background)
    logits = np.concatenate(list(map(np.asarray, surveyed.scorer(run.state.variables, run.state.tables, rows))))
    fields = len(run.setup.schema.fields)
    groups = pairs[INTERVENTION].groups if pairs else []
    of_row = scores_of_row(INTERVENTION, groups or [(0,)], fields)
    asked = Asked(
        backgrounds=rows_for(choice.scores // 4 // len(numbers), of_row, 1, MOST_BACKGROUNDS), seed=choice.seed + 1
    )
    singles = [(field,) for field in range(fields)]
    effects, of_pairs = (
        np.concatenate([piece.effects for piece in by_row(run, surveyed.scorer, rows, beside, asked, own)])
        if own
        else np.zeros((len(numbers), 0))
        for own in (singles, groups)
    )
    maps = attention.attention_of(run.setup, run.state, rows).weights if has_attention else None
    chance = probabilities(logits)
    found = []
    for place, number in enumerate(numbers.tolist()):
        label = float(rows.labels[place])
        strongest = np.argsort(-np.abs(of_pairs[place]), kind='stable')[:MOST_PAIRS]
        found.append(
            Row(
                number,
                None if np.isnan(label) else int(label > 0.5),
                texts.row(rows, place) if source.texts is None else source.texts(number),
                float(chance[place]),
                float(logits[place]),
                None if maps is None else maps[place],
                effects[place],
                [(*groups[one], float(of_pairs[place, one])) for one in strongest],
            )
        )
    return found
