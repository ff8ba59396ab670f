"""The configurations whose arithmetic is compared: dense Adam in float32, and faster variants."""

from autoint_jax.config import configuration
from autoint_jax.config.configuration import Config
from autoint_jax.models.registry import model_class


def variants(base: Config, *, reference_form: str, control_form: str, bfloat16: bool) -> dict[str, Config]:
    """Returns the variants as {end of the run's name: configuration}.

    Dense Adam in float32 is first, then deferred Adam, bfloat16, and the control. All variants but deferred Adam have
    dense Adam, even if the base has another optimizer.

    Args:
      base: the configuration that variants change.
      reference_form: the form of the first variant, see `execution.form`.
      control_form: the form of the control, which is dense Adam again; '' leaves the control out.
      bfloat16: whether there is a variant in bfloat16.

    Raises:
      UsageError: a form is unknown. Nothing is trained before.
    """
    dense = configuration.replace(base, {'optimizer.tables': 'adam'})
    changes = {
        '' if reference_form == 'automatic' else f'_control_{reference_form}': {'execution.form': reference_form},
        '_deferred_adam': {'optimizer.tables': 'deferred_adam'},
    }
    if bfloat16:
        changes['_bfloat16'] = {'model.compute_dtype': 'bfloat16'}
    if control_form:
        changes[f'_control_{control_form}'] = {'execution.form': control_form}
    made = {name: configuration.replace(dense, options) for name, options in changes.items()}
    for config in made.values():
        model_class(config.model, config.execution.form)
    return made
