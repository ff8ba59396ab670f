"""Figure 5: AutoInt with 0 to 4 interacting layers.

Claim (section 5.3, Figure 5): without interacting layers, the output layer on the embeddings alone, AutoInt is far behind; one
layer increases performance dramatically, it grows further with more, and is stable at three. The figure's values are not
printed; KDD12 and MovieLens-1M are shown, Criteo and Avazu said to be similar.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/figure5_depth.py --dataset=movielens_1m --seeds=3

Time on two CPU cores, MovieLens-1M: 50 epochs take about 150 seconds a layer, a minute without one; some 25 minutes a seed for
all five, 18 where the three layers of Table 2 have a record. --values=1,3 runs some; what has records is shown. Runs
that have a record under results/runs are not run again; an interrupted one is gone on with. The other settings, dropout among
them, are those of experiments/configs/DATASET_autoint.toml for every depth.

PASS, in means over seeds, of test AUC and logloss both: the first layer gains more than all later ones together; 3 layers are
better than 1; more than 3 change neither by more than 0.002, which is as far as single runs of one configuration may lie apart.
Expected: AUC about 0.77 without a layer, the AUC of logistic regression, and 0.84 to 0.85 with three. Exit status 3 if a
criterion fails. On data sets that the paper does not have nothing is judged. Writes
results/figure5_depth_DATASET.{json,csv,png}.
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


def main(argv: list[str]) -> int:
    return curve_flags.completed(curve_options.DEPTH, _VALUES.value)


if __name__ == '__main__':
    command.run(main)
