"""Seeds of an experiment are trained together or one by one, recorded, and named if they fail."""

import pytest
from run_cases import SMALL, Told
from trained_cases import data  # noqa: F401

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.errors import UsageError
from autoint_jax.records import completion, runs
from autoint_jax.records.completion import completed_seeds

pytestmark = pytest.mark.usefixtures('quick_compilation')


def test_seeds_of_an_experiment_train_together_or_one_by_one(data, tmp_path):
    """Streamed rows cannot be shared; the figures are the same."""
    config, together = replace(Config(), SMALL | {'training.epochs': 1, 'execution.streaming': False}), Told()
    streamed, alone = replace(config, {'execution.streaming': True}), Told()
    found = [
        [
            record.test
            for record in completed_seeds(
                'small', one, 2, data, runs_dir=tmp_path / name, results_dir=tmp_path / name, reporter=reporter
            )
        ]
        for name, one, reporter in (('together', config, together), ('alone', streamed, alone))
    ]
    assert found[0] == found[1] and found[0][0] != found[0][1]
    assert sum(sentence.startswith('runs small-') for sentence in together.said) == 1
    assert sum(sentence.startswith('run small-') for sentence in alone.said) == 2
    assert not any(sentence.startswith('runs ') for sentence in alone.said)


def test_seeds_that_diverge_are_named_after_the_others_are_recorded(data, tmp_path, monkeypatch):
    kept = []

    def trained(configs, *_):
        return [UsageError('training diverged') if config.seed in (1, 2, 4) else {} for config in configs]

    def trained_alone(config, *_):
        if isinstance(result := trained([config])[0], UsageError):
            raise result

    for name, stand_in in (('copies_that_fit', lambda *_: 2), ('fit_copies', trained), ('fit', trained_alone)):
        monkeypatch.setattr(completion, name, stand_in)
    monkeypatch.setattr(runs, 'record', lambda run_id, *_: kept.append(run_id))
    config = replace(Config(), SMALL)
    ids = [f'small-{fingerprint(replace(config, {"seed": seed}))}' for seed in range(5)]
    with pytest.raises(UsageError) as failed:
        completed_seeds('small', config, 5, data, runs_dir=tmp_path, results_dir=tmp_path, reporter=Told())
    assert str(failed.value).splitlines() == [f'{tmp_path / ids[seed]}: training diverged' for seed in (1, 2, 4)]
    assert kept == [ids[0], ids[3]]


def test_a_record_on_other_data_stops_before_anything_is_trained(data, tmp_path, monkeypatch):
    monkeypatch.setattr(completion, 'fit_copies', None)
    config = replace(Config(), SMALL)
    path = runs.record_path(f'small-{fingerprint(replace(config, {"seed": 2}))}', tmp_path)
    path.parent.mkdir()
    path.write_text('{"data_hash": "of fewer rows"}')
    with pytest.raises(UsageError, match=f'{path.name} is a record .* another --results_dir, or remove the record'):
        completed_seeds('small', config, 3, data, runs_dir=tmp_path, results_dir=tmp_path, reporter=Told())
