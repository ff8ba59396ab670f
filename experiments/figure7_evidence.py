"""Figure 7 by every kind of evidence: do the fields interact that the paper says attention connects?

Claim: in MovieLens-1M, Gender and Genre, Age and Genre, RequestTime and ReleaseTime, and Gender, Age and Genre together
are strongly correlated, because attention is high between them (paper, Figure 7 and its text). Attention is one kind of
evidence. Here all pairs and triples of fields are measured by five: attention, rollout, gradient times attention,
interventions, and Shapley interaction values (docs/explaining.md).

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/figure7_evidence.py --dataset=movielens_1m --seeds=5

The runs are those of `autoint` in Table 2. Their checkpoints are needed, so a run without a folder in RUNS_DIR is
trained even if it has a record. Time on two CPU cores: about 10 minutes a seed for training and a minute for the rest.

PASS: in every seed, two at least, the group is among the strongest third of all groups of as many fields. Each group
has a verdict by each kind of evidence. Interventions change the input and look at the output, so a group that fails by
them is not an interaction of the model, whatever attention shows. The exit status is 3 if a group fails by them.
Writes results/figure7_evidence_DATASET.{json,csv}.
"""

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
import figure7_flags
from absl import flags

from autoint_jax import command
from autoint_jax.reproduction.paper.published import ATTENDED_PAIRS, ATTENDED_ROW, ATTENDED_TRIPLE

flags.adopt_module_key_flags(figure7_flags)
_ROWS = flags.DEFINE_integer('rows', 10_000, 'The most rows that are explained; they are drawn.', lower_bound=2)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

import numpy as np

from autoint_jax.explain.counterfactuals import taken
from autoint_jax.explain.strengths import INTERVENTION
from autoint_jax.explain.survey.request import Surveyed, drawn
from autoint_jax.records import comparison
from autoint_jax.records.tables import write_table
from autoint_jax.reproduction.paper import attention, evidence
from autoint_jax.training.step import placement
from autoint_jax.training.step.scoring import BlockScorer
from autoint_jax.training.trained import open_run


@common.experiment
def main(argv: list[str]) -> int:
    claimed, data, columns, folders, seeds = figure7_flags.completed(
        {'movielens_1m': (*ATTENDED_PAIRS, ATTENDED_TRIPLE)}, evidence.NAME
    )
    split = figure7_flags.SPLIT.value
    chosen = drawn(np.arange(len(columns)), _ROWS.value, 0)
    rows = taken(columns, np.random.default_rng(0).permutation(chosen))
    runs = []
    for folder in folders:
        print(f'explaining {len(rows):,} {split} rows by {folder}', flush=True)
        run = open_run(folder, common.DATA_DIR.value, None)
        scorer = BlockScorer(run.setup, placement.reading_mesh(run.setup.config.mesh))
        runs.append(evidence.strengths(Surveyed(folder, run, scorer), rows, claimed, ATTENDED_ROW))

    judged, means = evidence.judged(runs, claimed), evidence.correlations(runs)
    comparison.show(
        f'Figure 7 by every kind of evidence, {common.DATASET.value}, {len(rows):,} {split} rows, {seeds}',
        ['group', 'kind', 'strength', 'groups', 'rank in seeds', 'verdict'],
        [
            [
                ' '.join(row['fields']),
                row['kind'],
                f'{row["strength"]:.4f}',
                str(row['groups']),
                ' '.join(row['ranks_of_seeds']),
                row['verdict'],
            ]
            for row in judged
        ],
    )
    for kind in evidence.KINDS:
        between, against = (evidence.shown(means[of][kind]) for of in ('seeds', 'interventions'))
        print(f'{kind}: mean rank correlation of pairs between seeds {between}, with interventions {against}')
    print(evidence.CRITERION)
    failed = comparison.verdict(False) in {row['verdict'] for row in judged if row['kind'] == INTERVENTION}
    path = common.results_dir() / f'{evidence.NAME}_{common.DATASET.value}'
    write_table(
        path,
        judged,
        {
            'figure': 'Figure 7',
            'dataset': common.DATASET.value,
            'split': split,
            'rows_explained': len(rows),
            'criterion': evidence.CRITERION,
            'correlations': {
                of: {kind: None if np.isnan(value) else value for kind, value in by.items()} for of, by in means.items()
            },
            'values': [{'seed': seed, **one} for seed, run in enumerate(runs) for one in run.values],
            'verdict': attention.verdict(not failed, len(folders)),
            'seeds': len(folders),
            'runs': [attention.about(folder) for folder in folders],
            'data_hash': data.hash,
        },
    )
    print(f'wrote {path}.json and .csv')
    return 3 if failed else 0


if __name__ == '__main__':
    command.run(main)
