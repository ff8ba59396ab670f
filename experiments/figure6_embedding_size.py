"""Figure 6: AutoInt with embeddings of 8, 16, 24 and 32 values a field.

Claim (section 5.3, Figure 6): on KDD12 larger embeddings are always better. On MovieLens-1M, which is much smaller,
performance drops when their size reaches 24, because the model overfits. The values of the figure are not printed. A
head is 32 wide with every size, as everywhere in the paper.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/figure6_embedding_size.py --dataset=movielens_1m --seeds=3
    python experiments/figure6_embedding_size.py --dataset=movielens_1m --seeds=3 --nodropout

Time on two CPU cores, MovieLens-1M: about 8 minutes a run of 50 epochs, with four runs a seed, or three if that of
Table 2 has a record. --values=16,24 runs only these; every value that has records is shown. A run with a record under
results/runs is not trained again, and an interrupted run continues. All other settings are those of
experiments/configs/DATASET_autoint.toml for every size. --nodropout runs AutoInt without dropout, which overfits
although the configuration does not: the paper does not say which dropout it had here, nor whether it was the same for
every size. Runs without dropout stop early, after some 2 minutes.

PASS, for means over seeds: on MovieLens-1M the sizes with the best AUC and with the best logloss are below 24; on KDD12
no size has a lower AUC than the size before it. For other data sets the paper states no shape, and nothing is judged.
Sizes may differ by less than single runs of one size do, so run several seeds. The exit status is 3 if a criterion
fails. Writes results/figure6_embedding_size_DATASET.{json,csv,png}, without dropout
results/figure6_without_dropout_DATASET.{json,csv,png}.
"""

from autoint_jax import interruptions

interruptions.handle()

import curve_flags
from absl import flags

from autoint_jax import command
from autoint_jax.reproduction.paper import curve_options

_VALUES = curve_flags.define_values(curve_options.EMBEDDING_SIZE)
_DROPOUT = flags.DEFINE_boolean('dropout', True, 'Keep the dropout of the configuration. --nodropout turns it off.')
flags.adopt_module_key_flags(curve_flags)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds


@curve_flags.common.experiment
def main(argv: list[str]) -> int:
    return curve_flags.completed(
        curve_options.EMBEDDING_SIZE if _DROPOUT.value else curve_options.WITHOUT_DROPOUT, _VALUES.value
    )


if __name__ == '__main__':
    command.run(main)
