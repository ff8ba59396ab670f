"""Figure 6: AutoInt with embeddings of 8, 16, 24 and 32 values a field.

Claim (section 5.3, Figure 6): on KDD12 larger embeddings are better throughout; on MovieLens-1M, much smaller, performance
drops once their size reaches 24, because the model overfits. The figure's values are not printed. A head stays 32 wide whatever
the size, as everywhere in the paper.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/figure6_embedding_size.py --dataset=movielens_1m --seeds=3

Time on two CPU cores, MovieLens-1M: about 8 minutes a run of 50 epochs, four runs a seed, or three where Table 2's has a
record. --values=16,24 runs some; what has records is shown. Runs that have a record under results/runs are not run
again; an interrupted one is gone on with. The other settings are those of experiments/configs/DATASET_autoint.toml for every
size.

PASS, in the mean test AUC over seeds: on MovieLens-1M the best size is below 24; on KDD12 no size is below the size before it.
For other data sets the paper states no shape, and nothing is judged. Sizes may lie closer together than single runs of one size
do: run several seeds. Exit status 3 if a criterion fails. Writes results/figure6_embedding_size_DATASET.{json,csv,png}.
"""

import curve_flags
from absl import app, flags

from autoint_jax.errors import reported
from autoint_jax.sweeps.paper import curves

_VALUES = curve_flags.define_values(curves.EMBEDDING_SIZE)
flags.adopt_module_key_flags(curve_flags)


def main(argv: list[str]) -> int:
    return curve_flags.completed(curves.EMBEDDING_SIZE, _VALUES.value)


if __name__ == '__main__':
    app.run(reported(main))
