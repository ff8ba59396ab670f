"""Table 5: models joined with a deep network, AutoInt+ beside Wide&Deep, DeepFM, Deep&Cross and xDeepFM.

Claim: a deep network helps every model, and AutoInt+ least, because AutoInt is good alone; on MovieLens-1M AutoInt+ reaches AUC
0.8488.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/table5_joint.py --dataset=movielens_1m --seeds=5

Time on two CPU cores, a seed: half an hour for all five, most of it AutoInt+ and xDeepFM; --models=deepfm runs some. The table
shows every model that has records. Runs that have a record under results/runs are not run again; an interrupted one is gone on
with. Each model's settings are in experiments/configs/DATASET_MODEL.toml. PASS: every AUC shown at least the paper's less
0.005, that of AutoInt+ less 0.002; else the exit status is 3. AutoInt+ is compared with the best of the others by t-tests over
seeds. The change over the base model (LR, FM, CrossNet, CIN, AutoInt) is shown where Table 2 has records of it; nothing is run
for it. Writes results/table5_joint_DATASET.{json,csv}.
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
