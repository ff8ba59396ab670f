"""The pages say what the records say."""

import json
import pathlib
import re
import statistics

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from sweep_cases import write_record

from autoint_jax.config import configuration
from autoint_jax.config.folder import CONFIGS
from autoint_jax.errors import UsageError
from autoint_jax.reproduction import pages, scoring_speed
from autoint_jax.reproduction.paper import attention, stack_picture

QUICK_START = configuration.load(CONFIGS / f'{pages.QUICK_START}.toml')
LEADERS = ('masknet', 'autoint')  # the first model of the leaderboard of MovieLens-1M, and the one beside it
BEGIN, END = pages.BEGIN.format('part'), pages.END.format('part')


@pytest.fixture(scope='module')
def written():
    """{page: {section: Markdown}} from the records of the project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return pages.sections(pathlib.Path('results'), QUICK_START)


@pytest.mark.parametrize(
    'page',
    [
        pages.README,
        pages.RESULTS,
        pages.SPEED,
        pages.DAILY,
        pages.FAITHFULNESS,
        pages.LEADERBOARD,
        pages.SCORING,
        pages.SERVING,
    ],
)
def test_pages_come_from_the_records(written, page):
    text = (ROOT / page).read_text()
    assert pages.updated(text, written[page], page) == text, 'run python scripts/update_pages.py'


def _ratios(shape):
    """Returns how often the median rate of training steps is that of the fastest peer, for each recorded batch."""
    for batch in (1024, 8192):
        record = json.loads((ROOT / f'results/benchmarks/step_{shape}_{batch}.json').read_text())
        middle = {name: statistics.median(rates) for name, rates in record['rows_per_second'].items()}
        yield middle.pop('autoint_jax') / max(middle.values())


def test_the_front_page_has_the_figures_of_the_records(written):
    lines = written[pages.README]['headline'].splitlines()
    assert '| AutoInt | 0.8437 ± 0.0013 | 0.8456 | 0.3799 ± 0.0010 | 0.3797 | 10 |' in lines
    ratios = [[f'{ratio:.1f}' for ratio in sorted(_ratios(shape))] for shape in ('ml1m', 'criteo')]
    assert f'| training step | {" | ".join(" to ".join(dict.fromkeys(of_shape)) for of_shape in ratios)} |' in lines
    copies = json.loads((ROOT / 'results/replica_cost_movielens_1m.json').read_text())['ratios']['epoch'] / 10
    board = json.loads((ROOT / 'results/leaderboard_movielens_1m_autoint_all_rows.json').read_text())
    losses = [f'{min(row["test_logloss"] for row in board["rows"] if row["model"] == name):.4f}' for name in LEADERS]
    assert f'its test logloss is {losses[0]}, that of `autoint` {losses[1]} ([docs/leaderboard.md]' in str(lines)
    assert any(f'10 seeds of AutoInt train in one program, each at {copies:.2f} of the cost' in line for line in lines)


def test_links_of_a_section_are_relative_to_its_page(written):
    assert '](../results/figure5_depth_movielens_1m.png)' in written[pages.RESULTS]['results']


def test_the_picture_shows_the_recorded_weights(tmp_path):
    weights, names = stack_picture.read_weights(ROOT / 'results' / stack_picture.WEIGHTS, seed=0)
    assert weights.shape == (3, 2, 7, 7) and names[0] == 'Gender'
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    assert weights[0, 0, 0, 3] == 0.203702  # seed 0, layer 1, head 1, Gender attends to Zipcode
    picture = ROOT / pages.PICTURE
    assert Image.open(picture).text[stack_picture.WEIGHTS_KEY] == stack_picture.digest(weights)
    assert picture.stat().st_size < 200_000
    stack_picture.save(weights, names, tmp_path / 'drawn.png')
    assert Image.open(tmp_path / 'drawn.png').size == Image.open(picture).size


def test_weights_that_are_missing_are_named(tmp_path):
    attention.write_weights(tmp_path / 'weights.csv', [np.full((1, 1, 2, 2), 0.5)], ['a', 'b'])
    assert stack_picture.read_weights(tmp_path / 'weights.csv', seed=0)[0].tolist() == [[[[0.5, 0.5], [0.5, 0.5]]]]
    lines = (tmp_path / 'weights.csv').read_text().splitlines()
    (tmp_path / 'weights.csv').write_text('\n'.join(lines[:-1]))
    with pytest.raises(UsageError, match=r'weights.csv has another form than expected \(1 weights are missing\)'):
        stack_picture.read_weights(tmp_path / 'weights.csv', seed=0)


def test_the_quick_start_is_of_its_own_configuration(tmp_path):
    for config, auc in (
        (QUICK_START, 0.86),
        (configuration.replace(QUICK_START, {'seed': 1}), 0.88),
        (configuration.replace(QUICK_START, {'training.batch_size': 77}), 0.5),
    ):
        write_record(tmp_path, pages.QUICK_START, config, 'hash', auc)
    results = pages.sections(tmp_path, QUICK_START)[pages.RESULTS]['results']
    assert '(MovieLens-100k with ids, 2 seeds): AUC 0.8700 ± 0.0141, logloss' in results


def test_a_page_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path, text = tmp_path / 'README.md', f'before\n{BEGIN}\nold\n{END}\nafter\n'
    path.write_text(text)
    (tmp_path / 'full').symlink_to('/dev/full')
    with monkeypatch.context() as patched:
        patched.setattr('autoint_jax.unfinished.unfinished_name', lambda path: tmp_path / 'full')
        with pytest.raises(OSError, match='No space left'):
            pages.update(path, {'part': 'new'})
    assert path.read_text() == text and list(tmp_path.iterdir()) == [path]
    pages.update(path, {'part': 'new'})
    assert path.read_text() == text.replace('old', 'new') and list(tmp_path.iterdir()) == [path]
    for markers in ('', BEGIN, f'{END} {BEGIN}', f'{BEGIN} {END} {BEGIN}'):
        with pytest.raises(UsageError, match='part:begin'):
            pages.updated(markers, {'part': 'new'}, 'README.md')


def test_the_model_of_the_page_works(monkeypatch):
    """The class shown is a model: registered, it gives logits of rows."""
    import flax.linen as nn
    import jax.numpy as jnp
    import model_cases

    from autoint_jax.config.model_config import ModelConfig
    from autoint_jax.models import registry
    from autoint_jax.models.contract import Model
    from autoint_jax.models.layers.embedding import EMBEDDING_OPTIONS, FieldEmbedding

    (code,) = re.findall(r'```python\n(class .*?)```', (ROOT / 'docs' / 'models.md').read_text(), re.DOTALL)
    assert len(code.splitlines()) <= 10
    names = {
        'Model': Model,
        'EMBEDDING_OPTIONS': EMBEDDING_OPTIONS,
        'FieldEmbedding': FieldEmbedding,
        'nn': nn,
        'jnp': jnp,
    }
    exec(code, names)
    monkeypatch.setitem(registry.MODELS, 'bilinear', names['Bilinear'])
    model, tables, variables = model_cases.made(ModelConfig(name='bilinear', embedding_dim=3))
    assert model_cases.forward(model, tables, variables, model_cases.batch()).shape == (model_cases.ROWS,)


def test_the_rate_of_scoring_is_judged(tmp_path):
    windows = [{'rate': rate, 'cpu': 30.25} for rate in (21_000, 20_000, 29_000)]
    record = {'share': 0.93, 'memory_bytes': {'1000 rows': 100 << 20, '5000 rows': 114 << 20}}
    (tmp_path / 'benchmarks').mkdir()
    path = tmp_path / 'benchmarks' / 'predict_rate.json'
    for memory, judged in ((114, 'PASS'), (116, 'FAIL')):
        record['memory_bytes']['5000 rows'] = memory << 20
        path.write_text(json.dumps({**record, 'windows': {'predict': windows}}))
        said, *_, row = scoring_speed.predict_lines(tmp_path)
        assert (
            f'1,000 rows take 100 MiB of memory, and 5,000 rows take {memory} MiB' in said and f': {judged} (' in said
        )
        assert row == '| predict | 21,000 | 30.2 |'


def test_records_name_no_folder_of_a_machine():
    found = [
        (path.name, match[0])
        for path in sorted((ROOT / 'results').rglob('*.json'))
        for match in re.finditer(r'(?<![\w.~\]}])/\w[\w.~-]*/[^"\s]*', path.read_text())
    ]
    assert found == []
