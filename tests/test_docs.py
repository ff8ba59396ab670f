"""The pages: their examples run as they are written, they leave out no key, and what they name exists."""

import dataclasses
import re
import shlex
import tomllib

import pytest
import yaml
from conftest import ROOT
from test_layering import ALLOWED, ARROWS, PACKAGE

from autoint_jax import schema
from autoint_jax.config import configuration
from autoint_jax.config.renamed import RENAMED
from autoint_jax.data.datasets.declaration import fields, form, splits, table
from autoint_jax.data.encoding import plan
from autoint_jax.data.preparation.pipeline import MAX_BAD_SHARE
from autoint_jax.data.text import layout
from autoint_jax.evaluation.metrics import METRICS
from autoint_jax.models.registry import MODELS
from autoint_jax.sweeps import search_space, sweep_file

DOCS = ROOT / 'docs'
OPTIONS = {leaf.path for leaf in configuration.leaves()}
BLOCK = re.compile(r'^```(\w+)(?: (\S+))?\n(.*?)^```$', re.DOTALL | re.MULTILINE)


def example(page, folder, again=False):
    """Writes the files of a page's example, in code blocks that name a file, and returns its commands, in order.

    `again`: the folder has had an example before.
    """
    commands = []
    for language, name, text in BLOCK.findall((DOCS / page).read_text()):
        if name:
            (folder / name).write_text(text)
        elif language == 'bash':
            commands += text.splitlines()
    for part in ('scripts', 'experiments'):
        if not again:
            (folder / part).symlink_to(ROOT / part)
    return commands


def run(forks, command, folder):
    """Runs a line of a page as a reader would, in the folder of the project."""
    words = shlex.split(command)
    assert words[0] == 'python'
    script = words[1] if '/' in words[1] else str(folder / words[1])  # a file that the page itself shows
    return forks.run([script, *words[2:]], folder)


@pytest.mark.slow
def test_the_example_of_sweeps_runs_as_it_is_written(forks, tmp_path):
    said = {}
    for command in example('sweeps.md', tmp_path):
        done = run(forks, command, tmp_path)
        assert done.returncode == 0, f'{command}\n{done.stdout}\n{done.stderr}'
        said[command] = done.stdout
    assert '4 done' in said['python scripts/sweep.py status --sweep=rates.toml']
    table = said['python scripts/sweep.py report --sweep=rates.toml']
    assert table.count('2 of 2') == 2 and 'best by valid_auc' in table
    assert 'best by valid_auc' in said['python scripts/sweep.py report --sweep=found.toml']


@pytest.mark.slow
def test_the_example_of_tables_runs_as_it_is_written(forks, tmp_path):
    said = {}
    for command in example('data.md', tmp_path):
        done = run(forks, command, tmp_path)
        assert done.returncode == 0, f'{command}\n{done.stdout}\n{done.stderr}'
        said[command] = done.stdout
    draft = said['python scripts/prepare_data.py --infer=visits.csv']
    for line in (
        'separator: ";"',
        'decimal: ","',
        'missing: ["?"]',
        'label: {column: bought, positive: ["yes"], negative: ["no"]}',
        'time: {column: time, valid: 0.1, test: 0.1, format: "%d/%m/%Y"}',
        '- {name: user, kind: categorical',
    ):
        assert line in draft
    prepared = said['python scripts/prepare_data.py --dataset=csv --schema=visits.yaml']
    assert re.search(r'^next: .*train.py --config=own_table --config.data.recipe=visits$', prepared, re.MULTILINE)
    assert re.search(r'rows: +2,000\n', prepared) and re.search(r'fields: +5\n', prepared)
    run_options = 'python scripts/evaluate.py --run_dir=runs/visits --split=valid'
    assert 'AUC' in said[run_options]
    (scored,) = (text for command, text in said.items() if 'predict.py' in command)
    assert '2,000 rows with a label: AUC' in scored and 'scores of 2,000 rows: scores.csv' in scored
    example('scoring.md', tmp_path, again=True)
    done = run(forks, 'python scores.py', tmp_path)
    assert done.returncode == 0 and 'shape: (2_000, 5)' in done.stdout and 'shape: (1, 4)' in done.stdout, done.stderr
    assert '(2000, 3, 2, 5, 5)' in done.stdout
    done = run(forks, 'python train_again.py', tmp_path)
    assert done.returncode == 0 and (tmp_path / 'runs' / 'again' / 'result.json').exists(), done.stderr
    assert "runs/again {'auc': " in done.stdout
    example('explaining.md', tmp_path, again=True)
    done = run(forks, 'python explain_visits.py', tmp_path)
    assert done.returncode == 0 and done.stdout.count('strength') == 3, done.stderr
    assert (tmp_path / 'scores.csv').read_text().startswith('row,user,label,logit,probability\n0,u98,0,')


def test_all_keys_of_declarations_are_explained():
    text = (DOCS / 'data.md').read_text().partition('\n## Tables of your own\n')[2]
    rows = {key.strip('`') for cell in re.findall(r'^\| (`.*?`) \|', text, re.MULTILINE) for key in cell.split(', ')}
    known = {
        *table._KEYS,
        *fields.FIELD_KEYS,
        'above',
        'positive',
        'negative',
        'soft',
        'column',
        *(key for keys in splits.KEYS.values() for key in keys),
    }
    assert known - rows == set() and rows - known == set()
    for kind in splits.KEYS:
        assert f'**`{kind}`**' in text
    for word in (
        *form.SEPARATORS,
        *form.FORMS,
        *plan.NUMERIC_TRANSFORMS,
        *plan.ID_TRANSFORMS,
        *schema.KINDS,
        *splits.MISSING_TIMES,
        *layout.INFINITE,
        *plan.MISSING,
    ):
        assert f'`{word}`' in text, word
    assert f'({MAX_BAD_SHARE} by default)' in text


def test_all_keys_of_sweep_files_are_explained():
    text = (DOCS / 'sweeps.md').read_text()
    for key in sweep_file.PARTS:
        assert f'| `{key}` |' in text or f'| `[{key}]` |' in text or f'| `[[{key}]]` |' in text, key
    for field in dataclasses.fields(search_space.Search):
        assert f'| `{field.name}` |' in text or f'| `[search.{field.name}]` |' in text, field.name
    for value in (*search_space.SAMPLERS, *search_space.PRUNERS):
        assert f"`'{value}'`" in text, value
    for key, default in ((field.name, field.default) for field in dataclasses.fields(search_space.Search)):
        if default is not dataclasses.MISSING:
            (row,) = re.findall(rf'^\| `{key}` \|.*$', text, re.MULTILINE)
            assert row.split('|')[-2].strip().strip("`'") == str(default), row


PAGES = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', *(f'docs/{path.name}' for path in sorted(DOCS.glob('*.md')))]


def anchors(text):
    """The anchors of a page's headings, as GitHub makes them."""
    outside = re.sub(r'^```.*?^```$', '', text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r'^#+ (.*)$', outside, re.MULTILINE)
    return {re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-') for heading in headings}


@pytest.mark.parametrize('page', PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r'\]\((\S+?)\)', text):
        if not target.startswith('https://'):
            path, _, anchor = target.partition('#')
            linked = (ROOT / page).parent / path if path else ROOT / page
            assert linked.exists(), target
            assert not anchor or anchor in anchors(linked.read_text()), target


@pytest.mark.parametrize('page', PAGES)
def test_pages_name_only_what_is_there(page):
    text = (ROOT / page).read_text()
    for path in re.findall(r'\b(?:autoint_jax|experiments|scripts|results|tests|docs)/[\w/]*(?:\.\w+)?', text):
        assert re.search('[A-Z]{4}', path) or (ROOT / path).exists(), path  # NAME and the like stand for a name
    for option in re.findall(
        r'`(?:--config\.)?((?:data|model|optimizer|training|execution|replicas)\.(?!stablehlo|onnx)\w+)\b', text
    ):
        assert option in OPTIONS or (page == 'CHANGELOG.md' and option in RENAMED), option


def test_models_and_metrics_of_the_pages_exist():
    models = re.findall(r'^\| (`[^|]*`) \|', (DOCS / 'models.md').read_text(), re.MULTILINE)
    assert [name for cell in models for name in cell.replace('`', '').split(', ') if name not in MODELS] == []
    text = (DOCS / 'training.md').read_text().partition('\n## Metrics\n')[2].partition('\n## ')[0]
    rows = dict(re.findall(r'^\| `(\w+)` \|.*\| (\S+) \|$', text, re.MULTILINE))
    assert len(rows) > 5
    assert {name: METRICS[name].better or '-' for name in rows} == rows


def test_the_front_page_is_short():
    assert len((ROOT / 'README.md').read_text().splitlines()) <= 150


def rooms():
    """{room that is a folder: rooms that it may import and that no other one of these may import}."""
    folders = [room for room in ARROWS if (PACKAGE / room.replace('.', '/')).is_dir()]
    direct = {room: ALLOWED[room] & set(folders) for room in folders}
    reached = {}
    for room in folders:  # from the lowest to the highest
        reached[room] = direct[room].union(*(reached[below] for below in direct[room]))
    return {
        room: {one for one in direct[room] if not any(one in reached[other] for other in direct[room])}
        for room in folders
    }


def test_the_diagram_shows_the_arrows_of_the_rooms():
    text = (DOCS / 'design.md').read_text()
    (diagram,) = re.findall(r'^```mermaid\n(.*?)^```$', text, re.DOTALL | re.MULTILINE)
    wanted = ['flowchart TD']
    for room, below in rooms().items():
        wanted += [f'    {room.replace(".", "/")} --> {one.replace(".", "/")}' for one in sorted(below)]
    assert diagram.splitlines() == wanted, 'the diagram must be:\n' + '\n'.join(wanted)
    for room in rooms():
        assert f'`{room.replace(".", "/")}`' in text, room


def test_names_of_the_page_on_the_design_are_in_their_files():
    text = (DOCS / 'design.md').read_text()
    named = re.findall(r'`(\w+)` of\s`(autoint_jax/\S+\.py)`', text)
    named += re.findall(r'^\|[^|]*\|[^|]*`(\w+)`[^|]*\| `(autoint_jax/\S+\.py)`', text, re.MULTILINE)
    assert len(named) >= 4
    for name, path in named:
        assert re.search(rf'^(?:def|class) {name}\b', (ROOT / path).read_text(), re.MULTILINE), name


def test_the_citation_names_the_code_and_the_paper():
    cited = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    version = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['version']
    assert cited['cff-version'] == '1.2.0' and cited['title'] == 'autoint_jax' and cited['version'] == version
    assert f'## {version}' in (ROOT / 'CHANGELOG.md').read_text()
    paper = cited['preferred-citation']
    assert paper['doi'] in (ROOT / 'README.md').read_text() and paper['title'].startswith('AutoInt')
