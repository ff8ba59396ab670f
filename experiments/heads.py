"""AutoInt with 1, 2 and 4 attention heads.

Claim (a footnote of section 5, without figures or a data set): one head is worse than two, and more than two bring no
significant gain. Every head is 32 wide, so the output of a layer grows with the number of heads.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/heads.py --dataset=movielens_1m --seeds=3

Time on two CPU cores, MovieLens-1M, for a run of 50 epochs: about 3 minutes with one head, 8 with two, 25 with four. A
seed takes some 36 minutes, or 28 if the two heads of Table 2 have a record. --values=1,2 runs only these; every value
that has records is shown. A run with a record under results/runs is not trained again, and an interrupted run
continues. All other settings are those of experiments/configs/DATASET_autoint.toml for every number of heads.

PASS, for mean test AUC over seeds: one head is below two; more than two gain at most 0.001 over two, the difference
that the paper calls significant. The exit status is 3 if a criterion fails. On data sets that the paper does not have,
nothing is judged. Writes results/heads_DATASET.{json,csv,png}.
"""

from autoint_jax import interruptions

interruptions.handle()

import curve_flags
from absl import flags

from autoint_jax import command
from autoint_jax.reproduction.paper import curve_options

_VALUES = curve_flags.define_values(curve_options.HEADS)
flags.adopt_module_key_flags(curve_flags)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds


@curve_flags.common.experiment
def main(argv: list[str]) -> int:
    return curve_flags.completed(curve_options.HEADS, _VALUES.value)


if __name__ == '__main__':
    command.run(main)
