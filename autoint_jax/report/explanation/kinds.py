"""The kinds of evidence: what each measures, in words that a reader can check."""

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of evidence.

    Attributes:
      title: its name at the head of a column.
      unit: what its axis measures.
      sentence: what it is.
      zero: whether its axis begins at 0. That of weights does not, because they differ little.
    """

    title: str
    unit: str
    sentence: str
    zero: bool


KINDS = {
    'attention': Kind('Attention', 'weight', 'the mean weight between the two fields', False),
    'rollout': Kind('Rollout', 'weight', 'attention multiplied through the layers, residuals included', False),
    'gradient': Kind(
        'Gradient \u00d7 attention', 'weight \u00d7 gradient', 'how much the logit changes with the weights', True
    ),
    'intervention': Kind(
        'Intervention',
        'squared logits',
        'the squared second difference of the logit when the values are replaced by those of another row',
        True,
    ),
    'shapley': Kind(
        'Shapley', 'squared logits', 'the squared Shapley interaction value, over many contexts of the pair', True
    ),
}


def kind(name: str) -> Kind:
    """Returns the kind of a name; one that is not in KINDS is shown by its name."""
    return KINDS.get(name, Kind(name.capitalize(), 'strength', name, True))


def in_order(names: list[str]) -> list[str]:
    """Returns names of kinds in the order of KINDS, others behind."""
    return sorted(names, key=lambda name: list(KINDS).index(name) if name in KINDS else len(KINDS))
