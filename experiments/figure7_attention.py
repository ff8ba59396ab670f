"""Figure 7: which fields AutoInt's attention connects.

Claim: averaged over all data, attention on MovieLens-1M is high between Gender and Genre, Age and Genre, and
RequestTime and ReleaseTime. For a man of 18 to 24 and an action thriller it is high between just these values (paper,
Figure 7 and its text). The paper does not say which layers and heads it shows.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/figure7_attention.py --dataset=movielens_1m --seeds=5

The runs are those of `autoint` in Table 2. Their checkpoints are needed, so a run without a folder in RUNS_DIR is
trained even if it has a record. Time on two CPU cores: about 10 minutes a seed for training and a minute for attention.

PASS: each of the three pairs is among the strongest third of the 21 pairs of fields in every seed, with at least two
seeds (for a pair chosen by chance the probability is 1/9 with two seeds and 1/27 with three), and seeds agree:
Spearman's rank correlation of the weights of every two seeds is at least 0.5. No result was expected in advance. A
single run may not be typical, so one seed has no verdict. The map of a single row is an illustration without a verdict.
The exit status is 3 on FAIL. Writes results/figure7_attention_DATASET.{json,csv}, all weights as ..._weights.csv, and
maps: ..._mean.png over seeds, layers and heads, ..._heads.png of seed 0, and ..._row_NUMBER.png of single rows of seed
0.
"""

import pathlib

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
import figure7_flags
from absl import flags

from autoint_jax import command
from autoint_jax.errors import UsageError
from autoint_jax.reproduction.paper.published import ATTENDED_PAIRS, ATTENDED_PROBABILITY, ATTENDED_ROW

flags.adopt_module_key_flags(figure7_flags)
_ROWS = flags.DEFINE_list(
    'rows',
    [],
    'Rows of the split to draw one by one, counted from 0. By default the row most like that of the paper: positive, '
    'with the same values, and with a predicted probability nearest to 0.89.',
)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import numpy as np

from autoint_jax.explain import attention as explained
from autoint_jax.explain import heatmaps
from autoint_jax.explain.rows import nearest_row, probabilities
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.reproduction.paper import attention
from autoint_jax.training.trained import TrainedRun, open_run

STRONGEST = 5  # so many of the strongest pairs are shown beside those that the paper names


@common.experiment
def main(argv: list[str]) -> int:
    if not all(row.isdecimal() and len(row) < 16 for row in _ROWS.value):
        raise UsageError(f'--rows={",".join(_ROWS.value)} is not a list of row numbers such as 0,17,42')
    claimed, data, columns, folders, seeds = figure7_flags.completed({'movielens_1m': ATTENDED_PAIRS}, attention.NAME)
    names, split = data.schema.names, figure7_flags.SPLIT.value
    path = common.results_dir() / f'{attention.NAME}_{common.DATASET.value}'
    averages, drawn = [], []
    for folder in folders:
        run = open_run(folder, common.DATA_DIR.value, None)
        averages.append(explained.averaged(run.setup, run.state, columns))
        if folder is folders[0]:
            drawn = _draw_rows(run, path)

    where = f'{len(columns):,} {split} rows'
    heatmaps.save_grid(
        averages[0], names, f'attention averaged over {where}, seed 0', path.with_name(f'{path.name}_heads.png')
    )
    heatmaps.save_mean(np.concatenate(averages, 1), names, f'{where}, {seeds}', path.with_name(f'{path.name}_mean.png'))
    attention.write_weights(path.with_name(f'{path.name}_weights.csv'), averages, names)

    rows, agreement = attention.judged(averages, names, claimed), attention.agreement(averages)
    pairs, ordered = rows[0]['pairs'], rows[0]['ordered_pairs']
    comparison.show(
        f'Figure 7, {common.DATASET.value}, {where}, {seeds}: pairs that the paper names, and the strongest ones',
        ['pair', 'weight', f'rank of {pairs}', 'rank in seeds', f'there and back, of {ordered}', 'verdict'],
        [
            [
                ' '.join(row['fields']),
                f'{row["strength"]:.3f}',
                str(row['rank']),
                ' '.join(row['ranks_of_seeds']),
                f'{row["forward_rank"]} {row["backward_rank"]}',
                row['verdict'] or '',
            ]
            for row in rows
            if row['verdict'] or row['rank'] <= STRONGEST
        ],
    )
    correlations = ', '.join(f'{correlation:.3f}' for correlation in agreement['rank_correlations']) or 'none'
    print(f'rank correlations between seeds: {correlations}: {agreement["verdict"]}\n{attention.CRITERION}')
    passed = comparison.verdict(False) not in {agreement['verdict'], *(row['verdict'] for row in rows)}
    write_table(
        path,
        rows,
        {
            'figure': 'Figure 7',
            'dataset': common.DATASET.value,
            'split': split,
            'rows_averaged': len(columns),
            'criterion': attention.CRITERION,
            'agreement': agreement,
            'verdict': attention.verdict(passed, len(folders)),
            'seeds': len(folders),
            'runs': [attention.about(folder) for folder in folders],
            'drawn': drawn,
            'data_hash': data.hash,
        },
    )
    print(f'wrote {path}.json and .csv, the weights and the maps beside them')
    return 0 if passed else 3


def _draw_rows(run: TrainedRun, path: pathlib.Path) -> list[dict]:
    """Draws single rows. Returns their numbers, labels and predicted probabilities."""
    split, rows, drawn = figure7_flags.SPLIT.value, [int(row) for row in _ROWS.value], []
    columns = run.data.split(split)
    if not rows:
        row = nearest_row(run, columns, ATTENDED_ROW, ATTENDED_PROBABILITY)
        if row is None:
            print(f'no row of the {split} split is like that of the paper: --rows=NUMBERS draws others')
            return []
        rows = [row]
    single = explained.of_rows(run.setup, run.state, columns, rows)
    for row, probability, weights in zip(rows, probabilities(single.logits), single.attention, strict=True):
        title = f'{split} row {row}: label {int(columns.labels[row])}, predicted {probability:.2f}'
        heatmaps.save_mean(weights, run.data.schema.names, title, path.with_name(f'{path.name}_row_{row}.png'))
        drawn.append({'row': row, 'label': int(columns.labels[row]), 'probability': float(probability)})
    return drawn


if __name__ == '__main__':
    command.run(main)
