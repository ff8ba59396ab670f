"""Figure 6: AutoInt with embeddings of 8, 16, 24 and 32 values a field.

Claim (section 5.3, Figure 6): on KDD12 larger embeddings are better throughout; on MovieLens-1M, much smaller, performance
drops once their size reaches 24, because the model overfits. The figure's values are not printed. A head stays 32 wide whatever
the size, as everywhere in the paper.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/figure6_embedding_size.py --dataset=movielens_1m --seeds=3
    python experiments/figure6_embedding_size.py --dataset=movielens_1m --seeds=3 --nodropout

Time on two CPU cores, MovieLens-1M: about 8 minutes a run of 50 epochs, four runs a seed, or three where Table 2's has a
record. --values=16,24 runs some; what has records is shown. Runs that have a record under results/runs are not run
again; an interrupted one is gone on with. The other settings are those of experiments/configs/DATASET_autoint.toml for every
size. --nodropout asks the same of AutoInt without dropout, which overfits where the configuration's does not: the paper says neither
which dropout it had here nor whether one for every size. Such runs stop early, after some 2 minutes.

PASS, in the means over seeds: on MovieLens-1M the sizes of the best AUC and of the best logloss are below 24; on KDD12 the AUC of no
size is below that of the size before it.
For other data sets the paper states no shape, and nothing is judged. Sizes may lie closer together than single runs of one size
do: run several seeds. Exit status 3 if a criterion fails. Writes results/figure6_embedding_size_DATASET.{json,csv,png}, without
dropout results/figure6_without_dropout_DATASET.{json,csv,png}.
"""

from autoint_jax import interruptions

interruptions.handle()

import curve_flags
from absl import flags

from autoint_jax import command
from autoint_jax.reproduction.paper import curve_options

_VALUES = curve_flags.define_values(curve_options.EMBEDDING_SIZE)
_DROPOUT = flags.DEFINE_boolean('dropout', True, "Whether runs have their configuration's dropout, or none.")
flags.adopt_module_key_flags(curve_flags)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds


def main(argv: list[str]) -> int:
    return curve_flags.completed(
        curve_options.EMBEDDING_SIZE if _DROPOUT.value else curve_options.WITHOUT_DROPOUT, _VALUES.value
    )


if __name__ == '__main__':
    command.run(main)
