"""Made-up findings, which tests of what shows findings use, are as findings are said to be."""

import numpy as np
import pytest
from made_findings import EVIL, made_findings


@pytest.mark.parametrize('attention, labels, others', [(True, True, 2), (False, False, 0)])
def test_made_findings_are_findings(attention, labels, others):
    made = made_findings(5, 3, attention=attention, labels=labels, others=others, evil=True)
    assert made.fields[0] == EVIL and len(made.fields) == 5 and len(made.rows) == 3
    assert (made.quality is None) == (not labels) and (made.attention is None) == (not attention)
    assert (made.belief.seeds is None) == (not others)
    for kind, effects in made.interactions.pairs.items():
        assert len(effects.groups) == 10 and np.isnan(effects.effect).all() == (kind not in ('intervention', 'shapley'))
    if made.attention is not None:
        for group in made.attention.groups:
            np.testing.assert_allclose(group.maps.sum(-1), 1, atol=1e-5)
