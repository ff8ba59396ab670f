"""Trains a named configuration on prepared data, or resumes a run that was interrupted.

    python scripts/train.py --config=movielens_100k_autoint
    python scripts/train.py --config=movielens_1m_autoint --config.seed=1 --config.model.num_layers=4
    python scripts/train.py --config=own_table --config.data.recipe=mine    (your own table, declared in mine.yaml)

The run folder is runs/NAME-FINGERPRINT (runs/NAME-RECIPE-FINGERPRINT for your own table) unless --run_dir is given. It
holds run.json (command, configuration, commit, versions), metrics.jsonl (one line per evaluation), tensorboard/,
checkpoints/ (latest and best) and, when the run is complete, result.json. The same command again resumes the run from
its last checkpoint, with the same values, or says that the run is complete.

    python scripts/train.py --config=movielens_1m_autoint --config.replicas.seeds=10
    python scripts/train.py --config=movielens_1m_autoint --config.replicas.learning_rate=1e-4,3e-4,1e-3

trains copies of the run in one program. Each copy is a run with its own folder, as if it were trained alone.

    python scripts/train.py --config=own_table --config.data.recipe=day2 --init_from=runs/own_table-day1-...

goes on from the state of another run, with data that was prepared by prepare_data.py --extend_from.
"""

import contextlib
import pathlib

from autoint_jax import interruptions

interruptions.handle()

import compilation_flags
import config_flags
import config_help
import data_flags
import process_flags
from absl import flags
from next_steps import shell_line

from autoint_jax import command
from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.config.copies import copies
from autoint_jax.errors import UsageError
from autoint_jax.kernels import background

_DATA_DIR = flags.DEFINE_string(
    'data_dir', 'data/prepared', 'Folder of prepared data, filled by scripts/prepare_data.py.'
)
_RUNS_DIR = flags.DEFINE_string('runs_dir', 'runs', 'Folder of run folders.')
_RUN_DIR = flags.DEFINE_string(
    'run_dir',
    None,
    'Run folder; by default RUNS_DIR/NAME-FINGERPRINT of the configuration, for a table of your own '
    'RUNS_DIR/NAME-RECIPE-FINGERPRINT.',
)
_INIT_FROM = flags.DEFINE_string(
    'init_from',
    None,
    'Run folder of a trained run from whose state this run goes on, with data that extends the data of that run. Rows '
    'of known values and the state of the optimizers are kept; rows of new values are drawn.',
)
_INIT_STEP = flags.DEFINE_integer('init_step', None, 'Step of the checkpoint of --init_from; by default the best one.')
flags.adopt_module_key_flags(config_flags)
flags.adopt_module_key_flags(compilation_flags)
flags.adopt_module_key_flags(data_flags)
flags.adopt_module_key_flags(process_flags)

if __name__ == '__main__':
    command.parse(config_help.text)  # --help and wrong flags are answered before the imports that take seconds
    with contextlib.suppress(UsageError, OSError):  # `main` raises it again
        background.begin(config_flags.chosen_config())  # compiles the kernels while the rest is imported

from copies_table import show_copies

from autoint_jax.data.store.opening import open_prepared
from autoint_jax.data.store.prepared import PreparedData
from autoint_jax.evaluation.metrics import line
from autoint_jax.training.ancestor import Ancestor, open_ancestor
from autoint_jax.training.copies.fitting import fit_copies
from autoint_jax.training.loop import fit
from autoint_jax.training.processes import group
from autoint_jax.training.progress import Bar, Silent
from autoint_jax.training.run_folder import contents
from autoint_jax.training.run_folder.naming import run_name
from autoint_jax.training.run_folder.result import Result
from autoint_jax.training.step import placement


def main(argv: list[str]) -> None:
    with process_flags.joined():
        _main()


def _main() -> None:
    compilation_flags.start_cache()
    config = config_flags.chosen_config()
    data = data_flags.verified(open_prepared(_DATA_DIR.value, config.data.dataset, config.data.recipe))
    ancestor = _ancestor(config)
    if ancestor is not None:
        config = configuration.replace(config, {'init_state': ancestor.digest})
    configs = copies(config)
    folders = [pathlib.Path(_RUNS_DIR.value, run_name(config_flags.config_name(), one)) for one in configs]
    try:
        if len(configs) > 1:
            _train_copies(configs, data, folders)
        else:
            _train(configs[0], data, pathlib.Path(_RUN_DIR.value) if _RUN_DIR.value else folders[0], ancestor)
    except contents.UnusableFolder as error:
        raise UsageError(f'{error} by {"--runs_dir" if len(configs) > 1 else "--run_dir"}') from None


def _ancestor(config: Config) -> Ancestor | None:
    """Opens the run that --init_from names; None if it names none. Raises UsageError."""
    if _INIT_FROM.value is None:
        if _INIT_STEP.value is not None:
            raise UsageError('--init_step names a checkpoint of --init_from, which is not given: give both')
        return None
    if len(copies(config)) > 1:
        raise UsageError(
            '--init_from names the state of one run, but config.replicas asks for copies: train one run at a time'
        )
    return open_ancestor(pathlib.Path(_INIT_FROM.value), _INIT_STEP.value, _DATA_DIR.value)


def _train_copies(configs: list[Config], data: PreparedData, folders: list[pathlib.Path]) -> None:
    """Trains copies of a run. Raises UsageError after all have ended if one of them diverged."""
    if _RUN_DIR.value:
        raise UsageError('--run_dir names the folder of one run, but config.replicas asks for copies: name --runs_dir')
    placement.split_cpu(len(configs))
    before = [contents.read_result(folder) for folder in folders]
    results = fit_copies(configs, data, folders, Bar(configs[0].training.epochs))
    if all(map(_is_unchanged, before, results)):
        print('These runs are complete; nothing was trained again.')
    show_copies(configs, results, folders)
    failed = [
        f'{folder}: {result}' for folder, result in zip(folders, results, strict=True) if isinstance(result, UsageError)
    ]
    if failed:
        raise UsageError('\n'.join(failed))


def _train(config: Config, data: PreparedData, run_dir: pathlib.Path, ancestor: Ancestor | None) -> None:
    before = contents.read_result(run_dir)
    if not group.is_first():
        fit(config, data, run_dir, Silent(), ancestor)
        return
    result = fit(config, data, run_dir, Bar(config.training.epochs), ancestor)
    complete = _is_unchanged(before, result)
    if complete:
        print('This run is complete; nothing was trained again.')
    print(f'best epoch {result.best_epoch:g} of {result.epochs:g}: valid {line(result.valid)}')
    print(f'test {line(result.test)}')
    if not complete and result.first_step_seconds is not None:
        print(f'start-up and compilation: {result.first_step_seconds:.1f} s')
    print(
        f'trained {result.train_seconds:.0f} s, {result.train_rows_per_second:,.0f} rows/s, '
        f'{result.parameters:,} parameters and {result.embedding_parameters:,} of embeddings'
    )
    print(f'run folder: {run_dir}')
    print('\n'.join(_next_steps(config, run_dir)))


def _is_unchanged(before: Result | None, result: Result | UsageError) -> bool:
    """Returns whether a run was complete and has made no step since, even with more epochs or a looser rule."""
    return isinstance(result, Result) and before is not None and before.steps == result.steps


def _next_steps(config: Config, run_dir: pathlib.Path) -> list[str]:
    """Returns lines with commands that can follow on a finished run."""
    where = [f'--run_dir={run_dir}'] + (
        [f'--data_dir={_DATA_DIR.value}'] if _DATA_DIR.value != _DATA_DIR.default else []
    )
    commands = [
        shell_line(f'{script}.py', *where, *options) + f'  # {purpose}'
        for script, options, purpose in (
            ('explain', [], 'reports what it learned'),
            ('evaluate', ['--split=valid'], 'scores a split'),
            ('predict', ['--input=FILE'], 'scores new rows'),
        )
    ]
    return [('next: ' if number == 0 else '      ') + command for number, command in enumerate(commands)]


if __name__ == '__main__':
    command.run(main)
