"""Early start of the kernels' compilation. It begins before the slow imports, if a run may need the kernels."""

from autoint_jax.config.configuration import Config
from autoint_jax.kernels import library

# The models with interacting layers, and those that always have layers in the form `execution.dense_form`; a test
# compares them with the registry.
MODELS = ('autoint',)
DENSE_MODELS = (
    'deep_crossing',
    'dcn_v2',
    'masknet',
    'fcn',
    'wukong',
    'rankmixer',
    'heteroatt',
    'hiformer',
    'ft_transformer',
)
FORMS = ('automatic', 'cpu_kernel')


def begin(config: Config) -> None:
    """Begins to compile the kernels if a run of `config` needs them on a CPU and they are not compiled yet."""
    if needed(config):
        library.begin()


def needed(config: Config) -> bool:
    """Returns whether a run of `config` uses the kernels if its default device is a CPU."""
    model, execution = config.model, config.execution
    of_layers = model.name in MODELS and model.compute_dtype == 'float32' and execution.form in FORMS
    of_fields = model.field_output or model.field_projections
    has_dense = model.name in DENSE_MODELS or model.deep_hidden or model.head_hidden or of_fields
    of_dense = bool(has_dense) and execution.dense_form in FORMS
    of_tables = config.optimizer.tables != 'adam' and execution.tables_form in FORMS
    return of_layers or of_dense or of_tables
