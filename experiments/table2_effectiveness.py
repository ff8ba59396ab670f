"""Table 2: AutoInt beside single models of first, second and higher order.

Claim: on MovieLens-1M AutoInt reaches AUC 0.8456, DeepCrossing 0.8448, and the other models 0.7716 (LR) to 0.8357
(NFM).

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/table2_effectiveness.py --dataset=movielens_1m --seeds=5

Time on two CPU cores: less than half an hour a seed for all nine models, most of it for AutoInt and CIN.
--models=fm,nfm runs only these. The table shows every model that has records, so it can be completed piece by piece. A
run with a record under results/runs is not trained again, and an interrupted run continues. The settings of each model
are in experiments/configs/DATASET_MODEL.toml and follow section 5.1.4 of the paper. PASS: every AUC is at least the
paper's minus 0.005, AutoInt's minus 0.002; otherwise the exit status is 3. AutoInt is compared with the best other
model by t-tests over seeds, as in the paper over ten runs. With one seed there is no test. Writes
results/table2_effectiveness_DATASET.{json,csv}.
"""

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.reproduction.paper import published

_MODELS = common.define_models(published.EFFECTIVENESS)
_SEEDS = common.define_seeds()
flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds


@common.experiment
def main(argv: list[str]) -> int:
    return common.model_table(
        'Table 2',
        published.EFFECTIVENESS,
        models=_MODELS.value,
        seeds=_SEEDS.value,
        tolerances={'autoint': 0.002, '': 0.005},
        name='table2_effectiveness',
    )


if __name__ == '__main__':
    command.run(main)
