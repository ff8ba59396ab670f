"""All models by name. `contract.py` says what a model is."""

import dataclasses

import jax

from autoint_jax.config.execution_config import AUTOMATIC
from autoint_jax.config.model_config import ModelConfig
from autoint_jax.errors import UsageError, nearest
from autoint_jax.models.afm import AFM
from autoint_jax.models.autoint import AutoInt
from autoint_jax.models.cin import CIN
from autoint_jax.models.contract import Model
from autoint_jax.models.crossnet import CrossNet
from autoint_jax.models.dcn_v2 import DCNV2
from autoint_jax.models.deep_cross import DeepCross
from autoint_jax.models.deep_crossing import DeepCrossing
from autoint_jax.models.deepfm import DeepFM
from autoint_jax.models.destine import DESTINE
from autoint_jax.models.dnn import DNN
from autoint_jax.models.fcn import FCN
from autoint_jax.models.field_attention import FieldAttention
from autoint_jax.models.finalmlp import FinalMLP
from autoint_jax.models.finalnet import FinalNet
from autoint_jax.models.fm import FM
from autoint_jax.models.ft_transformer import FTTransformer
from autoint_jax.models.heteroatt import HeteroAtt
from autoint_jax.models.hiformer import Hiformer
from autoint_jax.models.hofm import HOFM
from autoint_jax.models.interacting.forms import chosen_form
from autoint_jax.models.layers.tables import TableSpec
from autoint_jax.models.lr import LR
from autoint_jax.models.masknet import MaskNet
from autoint_jax.models.nfm import NFM
from autoint_jax.models.rankmixer import RankMixer
from autoint_jax.models.wide_deep import WideDeep
from autoint_jax.models.wukong import Wukong
from autoint_jax.models.xdeepfm import XDeepFM
from autoint_jax.schema import Schema

MODELS: dict[str, type[Model]] = {
    'lr': LR,
    'fm': FM,
    'afm': AFM,
    'nfm': NFM,
    'hofm': HOFM,
    'deep_crossing': DeepCrossing,
    'dnn': DNN,
    'wide_deep': WideDeep,
    'deepfm': DeepFM,
    'crossnet': CrossNet,
    'deep_cross': DeepCross,
    'dcn_v2': DCNV2,
    'cin': CIN,
    'xdeepfm': XDeepFM,
    'masknet': MaskNet,
    'finalmlp': FinalMLP,
    'fcn': FCN,
    'finalnet': FinalNet,
    'wukong': Wukong,
    'rankmixer': RankMixer,
    'autoint': AutoInt,
    'destine': DESTINE,
    'ft_transformer': FTTransformer,
    'field_attention': FieldAttention,
    'heteroatt': HeteroAtt,
    'hiformer': Hiformer,
}


def model_class(config: ModelConfig, form: str = AUTOMATIC) -> type[Model]:
    """Returns the class of the model that a configuration names, after checking its options.

    Args:
      config: the options of the model.
      form: option `execution.form`; it must be 'automatic' for a model without interacting layers.

    Raises:
      UsageError: the name is unknown, or an option is missing, wrong or not read by the model.
    """
    if config.name not in MODELS:
        raise UsageError(
            f'unknown model {config.name!r}{nearest(config.name, list(MODELS))}; known: {", ".join(MODELS)}'
        )
    model = MODELS[config.name]
    given = [field.name for field in dataclasses.fields(config) if getattr(config, field.name) != field.default]
    if unread := [name for name in given if name not in ('name', *model.OPTIONS)]:
        others = f' (nor {", ".join(unread[1:])})' if unread[1:] else ''
        raise UsageError(
            f"option 'model.{unread[0]}' is {getattr(config, unread[0])!r}, but model {config.name!r} does not read "
            f'it{others}; it reads: {", ".join(model.OPTIONS)}. Leave out what it does not read, or begin with a '
            'configuration of this model'
        )
    if form != AUTOMATIC and not model.HAS_FORMS:
        raise UsageError(
            f"option 'execution.form' is {form!r}, but model {config.name!r} does not read it: "
            'it has no interacting layers'
        )
    for name in model.NEEDS:
        if not getattr(config, name):
            raise UsageError(
                f"option 'model.{name}' is not given, but model {config.name!r} needs it, for example "
                f'--config.model.{name}=400,400'
            )
    model.check(config)
    return model


def build(
    config: ModelConfig, schema: Schema, form: str = AUTOMATIC, platform: str | None = None
) -> tuple[Model, dict[str, TableSpec]]:
    """Returns the model of a configuration, with the form of its interacting layers, and the tables that it looks up.

    Args:
      config: the configuration of the model.
      schema: the fields.
      form: option `execution.form`.
      platform: of the devices that compute the model; by default that of JAX's default device.

    Raises:
      UsageError: as `model_class` and `interacting.forms.chosen_form` do.
    """
    model = model_class(config, form)
    chosen = chosen_form(form, config, platform, len(schema.fields)) if model.HAS_FORMS else ''
    return model(config, schema, chosen), model.table_specs(config, schema)


def shows_attention(config: ModelConfig) -> bool:
    """Returns whether the model has attention over fields, which `explain/attention.py` shows."""
    return model_class(config).ATTENTION and config.num_layers > 0


def parameter_count(params: dict) -> int:
    """Counts the parameters outside the embeddings, as the paper's Table 3 does."""
    return sum(
        leaf.size for name, part in params.items() if not name.endswith('embedding') for leaf in jax.tree.leaves(part)
    )


def embedding_parameter_count(params: dict, table_specs: dict[str, TableSpec]) -> int:
    """Counts the parameters of embeddings: tables, vectors of numeric fields, projections of narrow fields."""
    in_tables = sum(spec.rows * spec.width for spec in table_specs.values())
    return in_tables + sum(leaf.size for leaf in jax.tree.leaves(params)) - parameter_count(params)


def table_values(config: ModelConfig, schema: Schema) -> tuple[int, int]:
    """Returns the number of values in a model's tables, and that number if all fields had the model's embedding_dim."""
    alike = Schema(tuple(dataclasses.replace(field, embedding_dim=None) for field in schema.fields))
    own, same = (
        sum(spec.rows * spec.width for spec in model_class(one).table_specs(one, fields).values())
        for one, fields in ((config, schema), (dataclasses.replace(config, width_scale=0.0), alike))
    )
    return own, same
