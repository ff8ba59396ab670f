"""Evaluations as records of a run."""

import json

import pytest

from autoint_jax.evaluation.evaluation import Evaluation, of_line, of_progress

EVALUATION = Evaluation(12, 1.5, 0.41, {'logloss': 0.4, 'auc': 0.8, 'made_up': 3.0})
LINE = {'step': 12, 'epoch': 1.5, 'train_logloss': 0.41, 'valid_logloss': 0.4, 'valid_auc': 0.8, 'valid_made_up': 3.0}


def test_an_evaluation_is_a_line_of_the_form_that_there_always_was():
    assert list(EVALUATION.line().items()) == list(LINE.items())
    assert of_line(json.loads(json.dumps(LINE))) == EVALUATION
    assert of_progress({'evaluations': [LINE, LINE], 'seconds': 1.0}) == [EVALUATION, EVALUATION]


def test_a_line_without_a_step_is_none():
    with pytest.raises(KeyError, match='step'):
        of_line({'epoch': 1.0, 'train_logloss': 0.4})
