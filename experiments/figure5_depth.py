"""Figure 5: AutoInt with 0 to 4 interacting layers.

Claim (section 5.3, Figure 5): without interacting layers AutoInt is far behind. One layer increases performance
dramatically, more layers increase it further, and it is stable from three. Without layers, the output layer reads the
embeddings. The values of the figure are not printed. It shows KDD12 and MovieLens-1M, and the text says that Criteo and
Avazu are similar.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/figure5_depth.py --dataset=movielens_1m --seeds=3

Time on two CPU cores, MovieLens-1M: 50 epochs take about 150 seconds a layer, or a minute without layers. All five
depths take some 25 minutes a seed, or 18 if the three layers of Table 2 have a record. --values=1,3 runs only these;
every value that has records is shown. A run with a record under results/runs is not trained again, and an interrupted
run continues. All other settings, such as dropout, are those of experiments/configs/DATASET_autoint.toml for every
depth.

PASS, for means over seeds of both test AUC and logloss: the first layer gains more than all later ones together; 3
layers are better than 1; more than 3 layers change neither figure by more than 0.002, because single runs of one
configuration may differ by this much. Expected: AUC about 0.77 without a layer, like logistic regression, and 0.84 to
0.85 with three. The exit status is 3 if a criterion fails. On data sets that the paper does not have, nothing is
judged. Writes results/figure5_depth_DATASET.{json,csv,png}.
"""

from autoint_jax import interruptions

interruptions.handle()

import curve_flags
from absl import flags

from autoint_jax import command
from autoint_jax.reproduction.paper import curve_options

_VALUES = curve_flags.define_values(curve_options.DEPTH)
flags.adopt_module_key_flags(curve_flags)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds


@curve_flags.common.experiment
def main(argv: list[str]) -> int:
    return curve_flags.completed(curve_options.DEPTH, _VALUES.value)


if __name__ == '__main__':
    command.run(main)
