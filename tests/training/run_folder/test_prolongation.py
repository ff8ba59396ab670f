"""Runs that are given more epochs, or a looser early stop, end as if they had been asked so at first."""

import json
import shutil

import pytest
from run_cases import TINY, Told, outcome
from trained_cases import complete, data, whole  # noqa: F401

from autoint_jax.config.configuration import replace
from autoint_jax.config.fingerprint import fingerprint
from autoint_jax.errors import UsageError
from autoint_jax.training.loop import fit
from autoint_jax.training.run_folder import contents
from autoint_jax.training.run_folder.contents import UnusableFolder

pytestmark = pytest.mark.usefixtures('quick_compilation')

LONGER = replace(TINY, {'training.epochs': 10})
STRICT = replace(TINY, {'training.stop_after_increases': 1})


def test_a_finished_run_with_more_epochs_has_the_bits_of_one_that_had_them_at_first(data, complete, tmp_path):
    folder, told = shutil.copytree(complete, tmp_path / 'run'), Told()
    fit(LONGER, data, folder, told)
    assert told.seen == [36, 40]
    assert any('goes on with other options (training.epochs: 8 / 10)' in sentence for sentence in told.said)
    fit(LONGER, data, tmp_path / 'at_first', Told())
    assert outcome(folder, data, LONGER) == outcome(tmp_path / 'at_first', data, LONGER)
    run = json.loads((folder / 'run.json').read_text())
    assert run['fingerprint'] == fingerprint(LONGER) and run['shorter'] == [fingerprint(TINY)]
    assert contents.read_config(folder) == LONGER
    again = Told()
    fit(LONGER, data, folder, again)  # complete: nothing is trained or said
    assert again.seen == again.said == []
    with pytest.raises(
        UnusableFolder, match=r'\(training.epochs: 10 / 8\), by which it would have ended after epoch 8:'
    ):
        fit(TINY, data, folder, Told())


def test_a_run_that_stopped_early_goes_on_by_a_looser_rule_also_after_a_crash(data, whole, tmp_path):
    folder = tmp_path / 'run'
    result = fit(STRICT, data, folder, Told())
    assert result.steps < 32
    (folder / 'result.json').unlink()  # as a start that died before it wrote run.json has left it
    with pytest.raises(KeyboardInterrupt):
        fit(TINY, data, folder, Told(stop_after=1))
    fit(TINY, data, folder, Told())
    assert outcome(folder, data) == whole
    with pytest.raises(UnusableFolder, match='further than these options allow'):
        fit(STRICT, data, folder, Told())


def test_other_options_are_not_changed_with_the_length_and_figures_must_be_known(data, complete, tmp_path):
    folder = shutil.copytree(complete, tmp_path / 'run')
    with pytest.raises(UnusableFolder, match='another configuration'):
        fit(replace(LONGER, {'seed': 3}), data, folder, Told())
    (folder / 'metrics.jsonl').write_text('{}\n')
    with pytest.raises(UsageError, match='metrics.jsonl cannot be read .* choose another run folder'):
        fit(LONGER, data, folder, Told())
