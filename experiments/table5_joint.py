"""Table 5: models joined with a deep network: AutoInt+ beside Wide&Deep, DeepFM, Deep&Cross and xDeepFM.

Claim: a deep network helps every model, and AutoInt+ least, because AutoInt is good alone. On MovieLens-1M AutoInt+
reaches AUC 0.8488.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/table5_joint.py --dataset=movielens_1m --seeds=5

Time on two CPU cores: half an hour a seed for all five models, most of it for AutoInt+ and xDeepFM. --models=deepfm
runs only this one. The table shows every model that has records. A run with a record under results/runs is not trained
again, and an interrupted run continues. The settings of each model are in experiments/configs/DATASET_MODEL.toml. PASS:
every AUC is at least the paper's minus 0.005, that of AutoInt+ minus 0.002; otherwise the exit status is 3. AutoInt+ is
compared with the best other model by t-tests over seeds. The change over the base model (LR, FM, CrossNet, CIN,
AutoInt) is shown if Table 2 has records of it; no base model is trained here. Writes
results/table5_joint_DATASET.{json,csv}.
"""

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.reproduction.paper import published

_MODELS = common.define_models(published.JOINT)
_SEEDS = common.define_seeds()
flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds


@common.experiment
def main(argv: list[str]) -> int:
    return common.model_table(
        'Table 5',
        published.JOINT,
        models=_MODELS.value,
        seeds=_SEEDS.value,
        tolerances={'autoint_plus': 0.002, '': 0.005},
        name='table5_joint',
    )


if __name__ == '__main__':
    command.run(main)
