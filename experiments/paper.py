"""The paper in one command: every table and figure, one after the other, and the outcome of each.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/paper.py --dataset=movielens_1m --seeds=5                                  # Tables 2, 4 and 5
    python experiments/paper.py --dataset=movielens_1m --seeds=3 --parts=figure5,figure6,heads    # or any of the parts

A part is the script of that name in this folder. Its docstring has claim, time and expected figures. A run with a
record under RESULTS_DIR/runs is not trained again, and an interrupted run continues. So you can give the command again
on another day, or with the records of another machine. Runs that parts share, such as AutoInt's, are trained once. If a
part fails, the others still run. Time on two CPU cores, MovieLens-1M, Tables 2, 4 and 5, by the records under
results/runs: an hour a seed and five hours for five seeds, up to ten on machines whose two cores ran at half that
speed. Of the five hours, AutoInt with and without residual connections takes 85 minutes, xDeepFM 55, AutoInt+ 47 and
CIN 29. Table 3 has the fields of Criteo with every data set. The exit status is 0 if no verdict is FAIL, 3 if one is,
and otherwise that of the first part that ended with an error. SIGTERM also ends the running part; then the status is
143. With --quick nothing is judged.
"""

import pathlib
import signal
import subprocess
import sys
from typing import Any

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.errors import UsageError, nearest

_SEEDS = common.define_seeds()
flags.adopt_module_key_flags(common)

PARTS = {
    'table1': 'table1_statistics',
    'table3': 'table3_model_size',
    'table2': 'table2_effectiveness',
    'table5': 'table5_joint',
    'table4': 'table4_residual_ablation',
    'figure4': 'figure4_run_time',
    'figure5': 'figure5_depth',
    'figure6': 'figure6_embedding_size',
    'heads': 'heads',
    'figure7': 'figure7_attention',
    'evidence': 'figure7_evidence',
    'ablations': 'ablations',
}
_PARTS = flags.DEFINE_list(
    'parts', ['table2', 'table5', 'table4'], f'Parts to run, in this order: {", ".join(PARTS)}; or all.'
)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.records import comparison

# {exit status of a part: outcome}. A part may also have figures without a verdict.
OUTCOMES = {0: 'no FAIL', 3: 'FAIL'}
# Flags that a part does not read, because the paper has Table 3 for one data set, and some parts train nothing.
UNREAD = {'table1': ('seeds',), 'table3': ('dataset', 'seeds'), 'figure4': ('seeds',)}


def main(argv: list[str]) -> int:
    parts = list(PARTS) if _PARTS.value == ['all'] else _PARTS.value
    if not parts:
        raise UsageError(f'--parts is empty: give some of {", ".join(PARTS)}, or all')
    for part in parts:
        if part not in PARTS:
            raise UsageError(f'the paper has no part {part!r}{nearest(part, list(PARTS))}; it has: {", ".join(PARTS)}')
    # Each part has its own process, because JAX chooses devices when it starts, and so that memory of a part is freed.
    shared = (common.DATASET, _SEEDS, common.QUICK, common.DATA_DIR, common.RUNS_DIR, common.RESULTS_DIR)
    signal.signal(signal.SIGTERM, _terminated)
    statuses = {}
    for part in parts:
        given = [
            f'--{flag.name}={flag.value}' for flag in shared if flag.present and flag.name not in UNREAD.get(part, ())
        ]
        print(f'\n{part}: experiments/{PARTS[part]}.py {" ".join(given)}', flush=True)
        script = pathlib.Path(__file__).with_name(f'{PARTS[part]}.py')
        child = subprocess.Popen([sys.executable, str(script), *given])
        try:
            statuses[part] = child.wait()
        except KeyboardInterrupt:
            child.wait()  # the part was interrupted too and prints this
            raise
        except SystemExit:  # only this process received SIGTERM
            child.terminate()
            child.wait()
            raise
        if statuses[part] == 130:  # only the part was interrupted
            raise KeyboardInterrupt
    outcomes = {0: comparison.NO_VERDICT} if common.QUICK.value else OUTCOMES
    comparison.show(
        f'The paper, {common.DATASET.value}',
        ['part', 'script', 'outcome'],
        [
            [part, f'experiments/{PARTS[part]}.py', outcomes.get(status, f'error, status {status}')]
            for part, status in statuses.items()
        ],
    )
    if common.QUICK.value:
        print('quick: no verdict')
    return next((status for status in statuses.values() if status not in OUTCOMES), max(statuses.values(), default=0))


def _terminated(number: int, frame: Any) -> None:
    sys.exit(128 + number)


if __name__ == '__main__':
    command.run(main)
