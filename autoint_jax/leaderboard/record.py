"""The record of the trials of a leaderboard, RESULTS_DIR/trials_of_NAME.json, from which it goes on elsewhere.

The record is written after each group of trials, so that a leaderboard whose folder is lost has lost one group. A
process that begins takes from it what its own folder lacks, and takes runs of chosen settings from RESULTS_DIR/runs.
Rows of other processes and other models stay in the record. It holds no test figures, as the leaderboard reads none.
"""

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

from autoint_jax import stored, stored_records
from autoint_jax.errors import UsageError
from autoint_jax.leaderboard.board import ELSEWHERE, Board
from autoint_jax.leaderboard.spaces import TREES
from autoint_jax.leaderboard.standings import (
    COURSE,
    METRICS,
    PROVENANCE,
    chosen_trial,
    failure,
    is_complete,
    trial_rows,
)
from autoint_jax.leaderboard.tables import about_of
from autoint_jax.records import runs
from autoint_jax.records.tables import write_table
from autoint_jax.sweeps import trials
from autoint_jax.sweeps.folder import SweepFolder
from autoint_jax.sweeps.locks import FolderLock
from autoint_jax.sweeps.trial_training import take_record
from autoint_jax.sweeps.trials import Trial
from autoint_jax.training.run_folder.result import Result
from autoint_jax.units import counted

MEND = 'restore it, or move it away to begin again'
IDENTITY = {'data_hash': str, 'trials_of_a_model': int, 'most_parameters': int, 'draw_seed': int, 'spaces': TREES}
TABLE = IDENTITY | {'seeds_of_a_model': int}
DONE_ROW = {
    **{f'valid_{name}': stored.finite for name in METRICS},
    **dict.fromkeys(COURSE, stored.finite),
    'best_step': int,
    'steps': int,
    'parameters': int,
    'embedding_parameters': int,
}
ROW = {'model': str, 'number': int, 'trial': str, 'state': str, 'error': str, 'options': dict}
FORM = IDENTITY | {'rows': [ROW], 'failed_runs': {str: str}}


def path_of(name: str, results_dir: pathlib.Path) -> pathlib.Path:
    """Returns the path of the record of a leaderboard."""
    return results_dir / f'trials_of_{name}.json'


def recorded_models(name: str, results_dir: pathlib.Path) -> list[str]:
    """Returns the models of which a leaderboard has recorded trials. Raises UsageError if the record is damaged."""
    found = _read(name, results_dir)
    return [] if found is None else list(found['spaces'])


@contextlib.contextmanager
def locked(board: Board, results_dir: pathlib.Path) -> Iterator[None]:
    """A context that one process at a time can be in: it reads and writes what all processes share."""
    results_dir.mkdir(parents=True, exist_ok=True)
    board.folder.mkdir(parents=True, exist_ok=True)
    with FolderLock(results_dir / f'.{board.name}.lock', '--results_dir'):
        yield


def take(board: Board, results_dir: pathlib.Path) -> list[str]:
    """Takes the trials and the runs that are recorded and that the folder of a leaderboard lacks.

    Returns:
      A line for each model that is searched again, and for each one of which something is taken.

    Raises:
      UsageError: a record is damaged, or is of another leaderboard; then nothing is taken.
    """
    whole, record = _read(board.name, results_dir), checked(board, results_dir)
    rows = {} if record is None else {row['trial']: row for row in record['rows']}
    failed_runs = {} if record is None else record['failed_runs']
    lines = [
        f'{model}: its space has changed, so the trials that this space draws replace its former ones in '
        f'{results_dir.name}'
        for model in ([] if whole is None else board.replaced(whole['spaces']))
    ]
    for model in board.spaces:
        search, of_trials, of_runs = board.search_of(model), 0, 0
        for trial in _pending(search):
            if trial.id in rows:
                _take_trial(search.of(trial), trial, rows[trial.id], board.data.hash)
                of_trials += 1
        chosen = chosen_trial(search) if is_complete(search) else None
        if chosen is not None:
            final = board.final_of(model, chosen.config)
            for trial in _pending(final):
                if (found := runs.recorded(trial.id, trial.config, board.data, results_dir)) is not None:
                    take_record(trial, final.of(trial), found)
                elif trial.id in failed_runs:
                    _take_failure(final.of(trial), failed_runs[trial.id], {})
                else:
                    continue
                of_runs += 1
        if of_trials or of_runs:
            commits = sorted({row['commit'] or 'unknown' for row in rows.values() if row['model'] == model})
            by = f', trained by commit {", ".join(commit[:12] for commit in commits)}' if of_trials else ''
            taken = ' and '.join(counted(count, of) for count, of in ((of_trials, 'trial'), (of_runs, 'run')) if count)
            lines.append(f'{model}: {taken} are taken from {results_dir.name}{by}')
    return lines


def write(board: Board, results_dir: pathlib.Path) -> None:
    """Writes the trials that have ended into the record. Raises UsageError as `take` does."""
    own, own_failed = trial_rows(board), _failed_runs(board)
    if not own:
        return
    with locked(board, results_dir):
        record = checked(board, results_dir)
        theirs: dict[str, Any] = {'rows': [], 'spaces': {}, 'failed_runs': {}} if record is None else record
        spaces = theirs['spaces'] | board.identity()['models']
        rows = {row['trial']: row for row in [*theirs['rows'], *own]}
        place = {model: number for number, model in enumerate(spaces)}
        ordered = sorted(rows.values(), key=lambda row: (place[row['model']], row['number']))
        failed = theirs['failed_runs'] | own_failed
        if record is None or ordered != record['rows'] or failed != record['failed_runs']:
            with_spaces = {model: tree for model, tree in spaces.items() if any(r['model'] == model for r in ordered)}
            about = about_of(board) | {'spaces': with_spaces, 'failed_runs': failed}
            write_table(results_dir / f'trials_of_{board.name}', ordered, about)


def _read(name: str, results_dir: pathlib.Path) -> dict[str, Any] | None:
    path = path_of(name, results_dir)
    found = stored.read_json_if_there(path, FORM, mend=MEND)
    if found is None:
        return None
    for row in found['rows']:
        done = row['state'] == trials.DONE
        where = f'{path}, trial {row["trial"]}'
        stored.checked(row, (DONE_ROW if done else {}) | dict.fromkeys(PROVENANCE, (str, None)), where, mend=MEND)
        if row['state'] not in (trials.DONE, trials.FAILED):
            raise UsageError(f'{where} is {row["state"]!r}, neither {trials.DONE} nor {trials.FAILED}: {MEND}')
        if row['model'] not in found['spaces']:
            raise UsageError(f'{where} is of {row["model"]!r}, of which the file has no space: {MEND}')
    return found


def checked(board: Board, results_dir: pathlib.Path) -> dict[str, Any] | None:
    """Returns the record without models that are searched again, or None.

    Raises:
      UsageError: a file in RESULTS_DIR is of another leaderboard.
    """
    table = results_dir / f'{board.name}.json'
    record, path = _read(board.name, results_dir), path_of(board.name, results_dir)
    for where, found in ((table, stored.read_json_if_there(table, TABLE, mend=MEND)), (path, record)):
        if found is not None:
            theirs = {
                'data': found['data_hash'],
                'number_of_trials': found['trials_of_a_model'],
                'most_parameters': found['most_parameters'],
                'draw_seed': found['draw_seed'],
                'models': found['spaces'],
            }
            board.check_same(theirs, str(where))
            if (seeds := found.get('seeds_of_a_model', 0)) > board.budget.seeds:
                raise UsageError(
                    f'{where} shows {seeds} seeds of each model, more than --seeds={board.budget.seeds}: give '
                    f'--seeds={seeds}, or {ELSEWHERE}'
                )
    if record is None:
        return None
    for model in board.replaced(record['spaces']):
        record['rows'] = [row for row in record['rows'] if row['model'] != model]
        del record['spaces'][model]
    listed = {model: {trial.id for trial in listed} for model, listed in board.trials.items()}
    for row in record['rows']:
        if row['model'] in listed and row['trial'] not in listed[row['model']]:
            raise UsageError(
                f'{path} holds the trial {row["trial"]} of {row["model"]}, which is not among the trials that this '
                f'version draws: {ELSEWHERE}'
            )
    return record


def _pending(folder: SweepFolder) -> list[Trial]:
    return [trial for trial in folder.trials() if folder.state(trial)[0] == trials.PENDING]


def _take_trial(folder: pathlib.Path, trial: Trial, row: dict[str, Any], data_hash: str) -> None:
    """Writes a trial as its row says into its folder, without test figures."""
    provenance = {name: row[name] for name in PROVENANCE}
    if row['state'] != trials.DONE:
        _take_failure(folder, row['error'], provenance)
        return
    result = Result(
        fingerprint=trial.id.rpartition('-')[2],
        data_hash=data_hash,
        seed=trial.config.seed,
        test={},
        valid={name: row[f'valid_{name}'] for name in METRICS},
        best_step=row['best_step'],
        best_epoch=row['best_epoch'],
        steps=row['steps'],
        epochs=row['epochs'],
        parameters=row['parameters'],
        embedding_parameters=row['embedding_parameters'],
        first_step_seconds=None,
        train_seconds=row['train_seconds'],
        train_rows_per_second=row['train_rows_per_second'],
    )
    folder.mkdir(parents=True, exist_ok=True)
    stored.write_json(folder / 'record.json', stored_records.to_json(result) | {'provenance': provenance})


def _take_failure(folder: pathlib.Path, error: str, provenance: dict[str, str | None]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stored.write_json(folder / 'failure.json', {'error': error, 'provenance': provenance})


def _failed_runs(board: Board) -> dict[str, str]:
    """Returns {id: error} of the runs of chosen settings that failed."""
    found = {}
    for model in board.spaces:
        search = board.search_of(model)
        if not is_complete(search) or (chosen := chosen_trial(search)) is None:
            continue
        final = board.final_of(model, chosen.config)
        for trial in final.trials():
            if trials.final_state(final.of(trial)) == trials.FAILED:
                found[trial.id] = failure(final, trial)
    return found
