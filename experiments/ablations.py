"""AutoInt with one option changed: parts of the authors' code, dropout, or the optimizer of tables.

Claim: the paper's equations and the authors' code (autoint_jax/models/autoint.py) differ in the scale of attention
scores, in the activation and bias of projections, and in LayerNorm. The paper examines none of these. FuxiCTR has a
residual projection only if widths differ. Deferred Adam, which touches only the rows of a batch, follows dense Adam;
lazy Adam does not.

    python scripts/prepare_data.py --dataset=movielens_1m --raw_dir=FOLDER
    python experiments/ablations.py --dataset=movielens_1m --seeds=3
    python experiments/ablations.py --dataset=movielens_1m --seeds=3 --items=lazy_adam,deferred_adam

The base has the configuration of AutoInt in Table 2, the authors' variant, and shares its runs. Deferred Adam shares
the runs of experiments/exactness.py. Time: 2 to 8 minutes a run on two CPU cores, depending on the machine. A seed has
twelve settings, so it takes up to an hour and a half. The seeds of an item train together. A run with a record under
results/runs is not trained again, and an interrupted run continues. The table shows every item that has records.

PASS: the mean AUC of deferred Adam over seeds is within 0.0005 of dense Adam's. With few seeds chance alone can exceed
this. If the base already has deferred Adam, there is no such item. Nothing else is judged: each item has its difference
from the base and the p value of a paired t-test over seeds. Expected on MovieLens-1M: a clear loss of AUC without
dropout. The exit status is 3 on FAIL. Writes results/ablations_DATASET.{json,csv}.
"""

import pathlib

from autoint_jax import interruptions

interruptions.handle()

import experiment_flags as common
from absl import flags

from autoint_jax import command
from autoint_jax.errors import UsageError, nearest
from autoint_jax.reproduction.paper.ablation_items import ITEMS

_ITEMS = flags.DEFINE_list('items', list(ITEMS), f'Items to run, of {", ".join(ITEMS)}; the base is always run.')
_SEEDS = common.define_seeds()
flags.adopt_module_key_flags(common)

if __name__ == '__main__':
    command.parse()  # --help and wrong flags are answered before the imports that take seconds

from autoint_jax.data.store.opening import open_prepared
from autoint_jax.reproduction.paper import ablations
from autoint_jax.training.progress import Bar


@common.experiment
def main(argv: list[str]) -> int:
    for item in _ITEMS.value:
        if item not in ITEMS:
            raise UsageError(
                f'this experiment has no item {item!r}{nearest(item, list(ITEMS))}; it has: {", ".join(ITEMS)}'
            )
    common.start(_SEEDS.value)
    base = common.base_config('autoint')
    passed = ablations.completed_table(
        common.DATASET.value,
        base,
        open_prepared(common.DATA_DIR.value, base.data.dataset, base.data.recipe),
        items=_ITEMS.value,
        seeds=_SEEDS.value,
        runs_dir=pathlib.Path(common.RUNS_DIR.value),
        results_dir=common.results_dir(),
        path=common.results_dir() / f'ablations_{common.DATASET.value}',
        reporter=Bar(),
    )
    return 0 if passed else 3


if __name__ == '__main__':
    command.run(main)
