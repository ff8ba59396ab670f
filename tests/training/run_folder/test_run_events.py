"""The TensorBoard events of a run follow from its records."""

import json
import shutil

import numpy as np
import pytest
from run_cases import BEST, STEPS, TINY, Told, all_events, events, events_of, outcome, summaries
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData
from trained_cases import complete, data, folder, interrupted  # noqa: F401

from autoint_jax.training.loop import fit
from autoint_jax.training.run_folder.events import RATE

pytestmark = pytest.mark.usefixtures('quick_compilation')


def test_events_are_the_evaluations_of_metrics_jsonl(complete):
    found = events(complete)
    assert found == events_of((complete / 'metrics.jsonl').read_text())
    assert [step for name, step, _ in found if name == 'valid_logloss'] == STEPS


def test_events_have_rates_test_figures_and_hyper_parameters(data, folder, complete):
    """Also those of a run that goes on, with the rates of the evaluations before it."""
    before = [one for one in all_events(folder) if one[0] == RATE]
    assert [step for _, step, _ in before] == STEPS[:6] and min(rate for *_, rate in before) > 0
    fit(TINY, data, folder, Told())
    for run in (complete, folder):
        found, result = all_events(run), json.loads((run / 'result.json').read_text())
        rates = [one for one in found if one[0] == RATE]
        assert [step for _, step, _ in rates] == STEPS
        mean = len(rates) / sum(1 / rate for *_, rate in rates)
        assert mean == pytest.approx(result['train_rows_per_second'], rel=1e-4)
        assert [one for one in found if one[0].startswith('test_')] == [
            (f'test_{name}', BEST, float(np.float32(value))) for name, value in result['test'].items()
        ]
    assert [one for one in all_events(folder) if one[0] == RATE][:6] == before

    ((step, value),) = [one for one in summaries(folder) if one[1].tag == '_hparams_/session_start_info']
    assert value.metadata.plugin_data.plugin_name == 'hparams'
    parameters = HParamsPluginData.FromString(value.metadata.plugin_data.content).session_start_info.hparams
    found = {name: getattr(one, one.WhichOneof('kind')) for name, one in parameters.items()}
    assert found == {
        'data.dataset': 'movielens_1m',
        'data.recipe': 'autoint_all_rows',
        'model.name': 'fm',
        'model.embedding_dim': 3,
        'training.batch_size': 512,
        'training.epochs': 8,
        'optimizer.tables': 'adam',
        'optimizer.learning_rate': 0.1,
        'seed': 0,
        'execution.slice_rows': 512,
    }


@pytest.mark.parametrize(
    'lost', ['last', 'cut', *(pytest.param(lost, marks=pytest.mark.slow) for lost in ('all', 'none', 'repeated'))]
)
def test_events_are_those_of_the_metrics_whatever_a_killed_process_left(data, folder, complete, lost):
    """Nothing written yet, the last evaluation missing or one too many, a file again, a record half written."""
    (path,) = (folder / 'tensorboard').glob('*')
    content = path.read_bytes()
    if lost == 'all':
        shutil.rmtree(folder / 'tensorboard')
    elif lost in ('last', 'cut'):
        path.write_bytes(content[: -200 if lost == 'last' else -3])
    elif lost == 'repeated':
        path.with_name(path.name + '.copy').write_bytes(content)
    else:
        (folder / 'metrics.jsonl').unlink()
    with pytest.raises(KeyboardInterrupt):
        fit(TINY, data, folder, Told(stop_after=1))
    assert events(folder) == events_of((folder / 'metrics.jsonl').read_text())
    fit(TINY, data, folder, Told())
    assert outcome(folder, data) == outcome(complete, data)
