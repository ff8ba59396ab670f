"""The cost of ten copies of AutoInt in one program, beside a run alone.

Both are commands that users give, on all cores.

Claim: ten copies that differ in their seeds cost at most 8 times as much as one run on two CPU cores, and at most twice
on a GPU.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/replica_cost.py --dataset=movielens_1m

A round runs scripts/train.py alone, then with --config.replicas.seeds=COPIES. Both train EPOCHS epochs without early
stopping, into a temporary folder under RUNS_DIR. Nothing else should run on the machine. Figures are medians over
rounds. The criterion compares an epoch, with evaluation and checkpoints of every copy. Start-up, reading data and
compilation, which copies share, are not part of it, so the ratio does not depend on the number of epochs. The ratio of
whole commands is shown beside it. (`scripts/benchmark.py --suite=replicas` measures the step alone, by default with the
paper's variant and deferred Adam.)

Time on two CPU cores, MovieLens-1M: 12 to 25 minutes, depending on the machine. --quick runs two copies once. The exit
status is 3 on FAIL. Writes results/replica_cost_DATASET.{json,csv}.
"""

import pathlib
import statistics
import sys
import tempfile

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command

_COPIES = flags.DEFINE_integer('copies', 10, 'Number of copies in one program.', lower_bound=2)
_EPOCHS = flags.DEFINE_integer(
    'epochs', 5, 'Number of epochs of a command. The first and the last are not timed.', lower_bound=3
)
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Number of times that each command runs.', lower_bound=1)
flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import jax

from autoint_jax.benchmarks import report
from autoint_jax.benchmarks.whole_runs import WholeRun, whole_run
from autoint_jax.data.store.opening import open_prepared
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.training.run_folder.provenance import without_paths

GOALS = {'cpu': 8, 'gpu': 2}  # for ten copies
GOAL_COPIES = 10
QUICK = 2, 3, 1  # copies, epochs, rounds


@common.experiment
def main(argv: list[str]) -> int:
    most, epochs, rounds = QUICK if common.QUICK.value else (_COPIES.value, _EPOCHS.value, _ROUNDS.value)
    base = common.base_config('autoint')
    data = open_prepared(common.DATA_DIR.value, base.data.dataset, base.data.recipe)
    runs_dir = pathlib.Path(common.RUNS_DIR.value)
    runs_dir.mkdir(parents=True, exist_ok=True)
    found: dict[int, list[WholeRun]] = {1: [], most: []}
    for number in range(rounds):
        for copies, of_count in found.items():
            with tempfile.TemporaryDirectory(prefix='replica_cost_', dir=runs_dir) as folder:
                of_count.append(whole_run([*_command(copies, epochs), f'--runs_dir={folder}'], epochs))
            print(
                f'round {number + 1}, {copies} together: {of_count[-1].epoch_seconds:.2f} s an epoch, '
                f'{of_count[-1].command_seconds:.1f} s the command',
                flush=True,
            )
    epoch, command = (
        {copies: statistics.median(getattr(run, figure) for run in of_count) for copies, of_count in found.items()}
        for figure in ('epoch_seconds', 'command_seconds')
    )
    ratios = {'epoch': epoch[most] / epoch[1], 'command': command[most] / command[1]}
    # JAX starts only now, because the commands need the GPU until they end.
    goal = GOALS.get(jax.default_backend()) if most == GOAL_COPIES else None
    verdict = '' if goal is None else comparison.verdict(ratios['epoch'] <= goal)
    rows = [{'copies': copies, 'epoch_seconds': epoch[copies], 'command_seconds': command[copies]} for copies in found]
    comparison.show(
        f'copies of AutoInt in one program, {common.DATASET.value}',
        ['copies', 's an epoch', 's the command'],
        [[str(row['copies']), f'{row["epoch_seconds"]:.2f}', f'{row["command_seconds"]:.1f}'] for row in rows],
    )
    print(
        f'{most} copies cost {ratios["epoch"]:.2f} times a run alone, by the epoch'
        + (f' (goal: {goal}): {verdict}' if verdict else '')
        + f'; {ratios["command"]:.2f} times, by the whole command'
    )
    path = common.results_dir() / f'replica_cost_{common.DATASET.value}'
    write_table(
        path,
        rows,
        {
            'table': 'cost of copies',
            'dataset': common.DATASET.value,
            'copies': most,
            'epochs': epochs,
            'ratios': ratios,
            'goal': goal,
            'verdict': verdict,
            'rounds': {str(copies): [run._asdict() for run in of_count] for copies, of_count in found.items()},
            'commands': [without_paths(' '.join(_command(copies, epochs))) for copies in found],
            'machine': report.machine(),
            'data_hash': data.hash,
        },
    )
    print(f'wrote {path}.json and .csv')
    return 3 if verdict == comparison.verdict(False) else 0


def _command(copies: int, epochs: int) -> list[str]:
    script = pathlib.Path(__file__).parents[1] / 'scripts' / 'train.py'
    together = [f'--config.replicas.seeds={copies}'] if copies > 1 else []
    return [
        sys.executable,
        str(script),
        f'--config={common.config_path("autoint")}',
        f'--data_dir={common.DATA_DIR.value}',
        f'--config.data.dataset={common.DATASET.value}',
        f'--config.training.epochs={epochs}',
        '--config.training.stop_after_increases=0',
        *together,
    ]


if __name__ == '__main__':
    command.run(main)
