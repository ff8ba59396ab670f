"""The record of a leaderboard, from which it goes on, and which no other leaderboard changes."""

import dataclasses
import json
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from board_cases import NAMES, SEEDS, SPACES, Standins, made, played, results_of  # noqa: F401

from autoint_jax.errors import UsageError
from autoint_jax.leaderboard import record
from autoint_jax.leaderboard.publication import publish


def test_a_leaderboard_goes_on_from_its_records_after_its_folder_is_lost(tmp_path, made, played):
    whole, stopped = Standins(), Standins(stop_after=15)
    played(made(tmp_path / 'whole'), whole)
    board = made(tmp_path / 'lost')
    with pytest.raises(KeyboardInterrupt):  # lr is done, fm is searched in part
        played(board, stopped)
    recorded = {row['trial'] for row in json.loads((results_of(board) / NAMES[1]).read_text())['rows']}
    of_fm = [trial for trial in board.trials['fm'] if trial.id in recorded]
    assert 0 < len(of_fm) < len(board.trials['fm']) and recorded >= {trial.id for trial in board.trials['lr']}
    shutil.rmtree(tmp_path / 'lost' / 'runs')
    on = Standins()
    said = played(made(tmp_path / 'lost'), on)
    left = 2 * (6 + len(SEEDS)) - len(of_fm)
    assert (
        f'2 models with 6 trials and 4 seeds each are 20 runs of at most 2 epochs, of which {left} are left' in said[3]
    )
    assert said[0] == 'lr: 6 trials and 4 runs are taken from results, trained by commit unknown'
    assert said[1].startswith(f'fm: {len(of_fm)} trials are taken from results')
    assert not recorded & set(on.trained) and sorted(whole.trained) == sorted(
        {*on.trained, *recorded, *(trial for trial in stopped.trained if '_lr-' in trial)}
    )
    tables_of = [[json.loads((results_of(one) / name).read_text()) for name in NAMES]
                 for one in (made(tmp_path / 'whole'), board)]  # fmt: skip
    for theirs, ours in zip(*tables_of, strict=True):
        assert {**theirs, 'command': None, 'commit': None} == {**ours, 'command': None, 'commit': None}
    shutil.rmtree(tmp_path / 'lost' / 'runs')
    again = Standins()
    assert played(made(tmp_path / 'lost'), again)[-1].startswith('all runs of this leaderboard are complete')
    assert again.trained == []
    published = publish(made(tmp_path / 'lost'), results_of(board))
    assert published.rows == tables_of[1][0]['rows'] and 'learning_curves' in published.page.read_text()


def test_models_that_are_complete_are_in_the_table_before_anything_is_trained(tmp_path, made, played):
    with pytest.raises(KeyboardInterrupt):  # lr and fm are done
        played(made(tmp_path), Standins(stop_after=2 * (6 + len(SEEDS))))
    table = results_of(made(tmp_path)) / NAMES[0]
    for lost in (False, True):  # the folder of runs
        table.unlink()
        if lost:
            shutil.rmtree(tmp_path / 'runs')
        with pytest.raises(KeyboardInterrupt):
            played(made(tmp_path), Standins(stop_after=0))
        assert [row['model'] for row in json.loads(table.read_text())['rows']] == ['fm', 'lr']
    assert (tmp_path / 'runs' / 'board' / 'leaderboard.html').exists()


def test_failures_are_recorded_and_taken(tmp_path, made, played):
    first = made(tmp_path)
    fails = [lambda trial: trial.config.model.name == 'fm', lambda trial: trial.config.seed == 2]
    played(first, Standins(fails=fails))
    rows = publish(first, results_of(first)).rows
    shutil.rmtree(tmp_path / 'runs')
    again = Standins()
    said = played(made(tmp_path), again)
    assert again.trained == [] and any(line.startswith('fm: 6 trials are taken') for line in said)
    published = publish(made(tmp_path), results_of(first))
    assert published.rows == rows and rows[0]['seeds'] == ['1', '3', '4'] and list(published.found.left_out) == ['fm']


def test_models_of_other_commands_stay_in_the_record(tmp_path, made, played):
    played(made(tmp_path / 'one', asked=['lr']), Standins())
    shutil.copytree(tmp_path / 'one' / 'results', tmp_path / 'two' / 'results')
    board = made(tmp_path / 'two', asked=['dnn'])
    standins = Standins()
    said = played(board, standins)
    assert {trial.rpartition('_')[2].partition('-')[0] for trial in standins.trained} == {'dnn'}
    assert said[0].startswith('lr: 6 trials and 4 runs are taken')
    assert record.recorded_models('board', results_of(board)) == ['lr', 'dnn']
    table = json.loads((results_of(board) / NAMES[0]).read_text())
    assert [row['model'] for row in table['rows']] == ['dnn', 'lr'] and table['incomplete'] == ['fm']
    assert 'fm is not complete yet, so this answer may change' in table['answer']
    said = ' '.join(table['answer'])
    assert 'Of the models that are complete: on the test split it is better' in said and 'Use it' not in said


def test_a_model_whose_space_has_changed_is_searched_again_where_that_is_asked_for(tmp_path, made, played):
    played(made(tmp_path), Standins())
    shutil.copytree(tmp_path / 'results', tmp_path / 'elsewhere' / 'results')
    before = {path: path.read_bytes() for path in (tmp_path / 'results').glob('*.*')}
    text = SPACES.replace('[2, 3]', '[2, 4]')
    for options in ({}, {'again': True, 'asked': ['lr', 'dnn']}):
        hint = r'these: name another .*, or give --search_again and name fm in --models$'
        with pytest.raises(UsageError, match=hint):
            played(made(tmp_path, text=text, **options), Standins())
    with pytest.raises(UsageError, match='--trials=6, not 7') as refused:
        played(made(tmp_path, count=7, text=text, again=True), Standins())
    assert 'search_again' not in str(refused.value)
    assert before == {path: path.read_bytes() for path in (tmp_path / 'results').glob('*.*')}
    for folder in (tmp_path, tmp_path / 'elsewhere'):  # with its run folders, and from the records alone
        stopped, standins = Standins(stop_after=5), Standins()
        with pytest.raises(KeyboardInterrupt):
            played(made(folder, text=text, asked=['fm'], again=True), stopped)
        said = played(made(folder, text=text, asked=['fm'], again=True), standins)
        assert not any('its space has changed' in line for line in said)  # the first group had been recorded
        trained = stopped.trained + standins.trained
        assert {trial.rpartition('_')[2].partition('-')[0] for trial in trained} == {'fm'}
        table, listed = (json.loads((folder / 'results' / name).read_text()) for name in NAMES)
        assert [row['model'] for row in table['rows']].count('fm') == 1 and table['incomplete'] == []
        assert listed['spaces']['fm']['space']['model.embedding_dim'] == {'choices': [2, 4]}
        assert {row['options']['model.embedding_dim'] for row in listed['rows'] if row['model'] == 'fm'} == {2, 4}
        assert len(listed['rows']) == 18
        nothing = Standins()
        played(made(folder, text=text, again=True), nothing)
        assert nothing.trained == []
    said = played(made(tmp_path, text=SPACES, asked=['fm'], again=True), Standins())  # the former space, and so back
    part = 'so the trials that this space draws replace its former ones in results'
    assert said[0] == f'fm: its space has changed, {part}'


@pytest.mark.parametrize(
    ('file', 'key', 'value', 'part'),
    [
        (NAMES[1], 'spaces', {'lr': 'x'}, "spaces.lr is 'x', not an object"),
        (NAMES[1], 'spaces', {'lr': {'options': {}}}, "it has no key 'spaces.lr.space'"),
        (NAMES[1], 'failed_runs', {'a': 3}, 'failed_runs.a is 3, not a text'),
        (NAMES[0], 'spaces', {'lr': []}, 'spaces.lr is [], not an object'),
        (NAMES[0], 'seeds_of_a_model', 'x', "seeds_of_a_model is 'x', not a whole number"),
        (f'runs/board/{NAMES[0]}', 'models', {'lr': []}, 'models.lr is [], not an object'),
    ],
)
def test_a_record_of_another_form_is_a_sentence(tmp_path, made, played, file, key, value, part):
    board = made(tmp_path)
    played(board, Standins())
    path = results_of(board) / file if '/' not in file else tmp_path / file
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(UsageError, match=re.escape(f'{file} has another form than expected ({part})')):
        played(made(tmp_path), Standins())


def test_processes_that_record_at_once_lose_no_rows(tmp_path, made, played, monkeypatch):
    boards = [made(tmp_path / model, models=['lr', 'fm'], asked=[model]) for model in ('lr', 'fm')]
    for board in boards:
        played(board, Standins())
    write = record.write_table

    def slowly(*arguments):  # both would have read the record before one writes it
        time.sleep(0.2)
        write(*arguments)

    monkeypatch.setattr('autoint_jax.leaderboard.record.write_table', slowly)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda board: record.write(board, tmp_path / 'results'), boards))
    listed = json.loads((tmp_path / 'results' / NAMES[1]).read_text())
    assert len(listed['rows']) == 12 and sorted(listed['spaces']) == ['fm', 'lr']


def test_fewer_seeds_than_the_table_has_are_refused(tmp_path, made, played):
    board = made(tmp_path)
    played(board, Standins())
    kept = {path: path.read_bytes() for path in results_of(board).glob('*.*')}
    fewer = dataclasses.replace(board, budget=dataclasses.replace(board.budget, seeds=2))
    with pytest.raises(
        UsageError, match=r'board.json shows 4 seeds of each model, more than --seeds=2: give --seeds=4'
    ):
        played(fewer, Standins())
    assert kept == {path: path.read_bytes() for path in results_of(board).glob('*.*')}


def test_a_record_of_another_leaderboard_is_refused(tmp_path, made, played):
    board = made(tmp_path)
    played(board, Standins())
    shutil.rmtree(tmp_path / 'runs')
    kept = {path: path.read_bytes() for path in results_of(board).glob('*.*')}
    for other, part in (
        (made(tmp_path, count=7), r'board\.json holds a leaderboard with --trials=6, not 7\. Its figures cannot'),
        (
            made(tmp_path, text=SPACES.replace('[2, 3]', '[2]')),
            r"with model.embedding_dim={'choices': \[2, 3\]}, not .*, in the space of fm\. .*--results_dir and .*--run",
        ),
    ):
        with pytest.raises(UsageError, match=part):
            played(other, Standins())
        assert not (other.folder / 'board.json').exists()
    assert kept == {path: path.read_bytes() for path in results_of(board).glob('*.*')}
    listed = json.loads((results_of(board) / NAMES[1]).read_text())
    listed['rows'][0]['trial'] = 'leaderboard_movielens_1m_lr-000000000000'
    (results_of(board) / NAMES[1]).write_text(json.dumps(listed))
    with pytest.raises(UsageError, match='holds the trial .*-000000000000 of lr, which is not among the trials'):
        played(made(tmp_path), Standins())
    row = listed['rows'][0]
    for damaged, part in (
        ({**row, 'valid_logloss': None}, 'valid_logloss is None, not a finite number'),
        ({**row, 'state': 'running'}, "is 'running', neither done nor failed"),
        ({**row, 'model': 'afm'}, "is of 'afm', of which the file has no space"),
        ({key: value for key, value in row.items() if key != 'steps'}, "has no key 'steps'"),
    ):
        (results_of(board) / NAMES[1]).write_text(json.dumps(listed | {'rows': [damaged]}))
        with pytest.raises(UsageError, match=f'trial leaderboard_.*-000000000000.*{part}.*: restore it, or move it'):
            record.recorded_models('board', results_of(board))
