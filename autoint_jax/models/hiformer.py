"""Hiformer (Gui et al., 2023): the last step of the ladder of `field_attention.py`, with a task token."""

from autoint_jax.config.model_config import ModelConfig
from autoint_jax.models.field_attention import Rungs
from autoint_jax.models.heteroatt import HeteroAtt


class Hiformer(HeteroAtt):
    """Hiformer: HeteroAtt whose queries, keys and values are made from all tokens at once, by matrices of low rank.

    The matrices are L R with L [t d, rank] and R [rank, t n a], shared by heads; rank 0 means a full matrix.
    """

    OPTIONS = (*HeteroAtt.OPTIONS, 'joint_rank', 'joint_value_rank')

    @staticmethod
    def rungs(config: ModelConfig) -> Rungs:
        return Rungs(projections=True, output=True, feedforward=True, joint=True)
