"""Says whether this machine and installation are fit for a run, and whether the run fits into memory and disk.

    python scripts/doctor.py                                              (the quick start's configuration)
    python scripts/doctor.py --config=movielens_1m_autoint --config.model.num_layers=6
    python scripts/doctor.py --cardinalities=6000000,64,1000 --rows=45000000 --config.optimizer.tables=deferred_adam

Prints one line for each check: ok, note (worth knowing) or bad (with what to do). The exit status is 1 if anything is
bad, else 0. Prepared data is compared with its checksums, byte by byte. The memory plan takes its schema from prepared
data, --schema=FILE or --cardinalities, and allocates nothing.
"""

import os
import pathlib
import platform
import sys
import typing

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax.diagnosis import versions

if too_old := versions.known_bad({'python': platform.python_version()}, gpu=False):
    sys.exit(f'error: {too_old[0].text}')  # the imports below would fail

import config_flags

from autoint_jax import command
from autoint_jax.config.configuration import Config
from autoint_jax.config.copies import copies
from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check, lines
from autoint_jax.errors import UsageError

if typing.TYPE_CHECKING:
    from autoint_jax.diagnosis.planned import Planned

ROOT = pathlib.Path(__file__).parents[1]

_DATA_DIR = flags.DEFINE_string(
    'data_dir',
    'data/prepared',
    'Folder of prepared data. The memory plan reads schema and rows of config.data.dataset and config.data.recipe '
    'there.',
)
_SCHEMA = flags.DEFINE_string('schema', None, 'A schema.json of prepared data; the memory plan is made for it instead.')
_CARDINALITIES = flags.DEFINE_list(
    'cardinalities',
    None,
    'Number of ids of each categorical field, such as 64,1000,6000000; the memory plan is made for them instead.',
)
_ROWS = flags.DEFINE_integer(
    'rows',
    None,
    'With --schema or --cardinalities: number of rows. Eight in ten are for training, one each for validation and '
    'test.',
    lower_bound=10,
)
_RUNS_DIR = flags.DEFINE_string('runs_dir', 'runs', 'Folder of run folders.')
flags.adopt_module_key_flags(config_flags)


def main(argv: list[str]) -> int:
    config = config_flags.chosen_config()
    pinned = versions.pins(ROOT / 'requirements.txt')
    backend, problem = _backend()
    found = versions.checks(pinned, versions.installed(list(pinned)), gpu=backend == 'gpu')
    bad = _shown('versions', found)
    if problem:
        return _summary(bad + _shown('devices', [problem]))
    # Imported here, because these modules need the versions that were just checked.
    from autoint_jax.diagnosis import hardware, operations, prepared_data, scatter
    from autoint_jax.training import compilation

    asked = _planned(config)
    runs_dir, compiled = pathlib.Path(_RUNS_DIR.value), pathlib.Path(compilation.default_folder())
    bad += _shown('devices', hardware.device_checks(config, len(asked.schema.fields) if asked else None))
    bad += _shown('disk', hardware.disk_checks({'runs': runs_dir, 'compiled programs': compiled}))
    bad += _shown('speed of scatter-add', [scatter.check()])
    bad += _shown('operations against NumPy', operations.checks())
    if _SCHEMA.value is None and _CARDINALITIES.value is None:
        bad += _shown(
            'prepared data',
            prepared_data.checks(_DATA_DIR.value, config.data.dataset, config.data.recipe, print)
            + prepared_data.leftovers(_DATA_DIR.value),
        )
    bad += _shown('memory plan', _plan(config, asked, runs_dir))
    return _summary(bad)


def _backend() -> tuple[str, Check | None]:
    """Returns JAX's default platform, or a check that says why there is none."""
    try:
        import jax

        import autoint_jax.training.loop  # noqa: F401 - all that a run imports

        return jax.default_backend(), None
    except ImportError as error:
        return '', Check(BAD, f'the other checks need a package that cannot be imported: {error}')
    except (RuntimeError, AssertionError) as error:  # AssertionError if no backend of JAX_PLATFORMS is installed
        reason = (str(error).splitlines() or ['none of the wanted platforms is installed'])[0]
        return '', Check(BAD, f'JAX finds no device (JAX_PLATFORMS={os.environ.get("JAX_PLATFORMS", "")}): {reason}')


def _shown(title: str, found: list[Check]) -> int:
    """Prints a section of checks. Returns the number of bad checks."""
    print(f'{title}\n{lines(found)}', flush=True)
    return sum(check.verdict == BAD for check in found)


def _summary(bad: int) -> int:
    print(f'{bad} bad' if bad else 'nothing is bad')
    return 1 if bad else 0


def _planned(config: Config) -> 'Planned | None':
    """Returns the data to make the memory plan for; None if there is none. Raises UsageError if flags conflict."""
    from autoint_jax.diagnosis import planned

    if _SCHEMA.value is not None and _CARDINALITIES.value is not None:
        raise UsageError('--schema and --cardinalities both name the fields of the plan: give one of them')
    if _SCHEMA.value is not None:
        return planned.Planned(planned.schema_file(pathlib.Path(_SCHEMA.value)), planned.rows_of(_ROWS.value))
    if _CARDINALITIES.value is not None:
        return planned.Planned(planned.schema_of(_CARDINALITIES.value), planned.rows_of(_ROWS.value))
    if _ROWS.value is not None:
        raise UsageError('--rows needs --schema or --cardinalities, because prepared data has its own number of rows')
    return planned.prepared(_DATA_DIR.value, config.data.dataset, config.data.recipe)


def _plan(config: Config, asked: 'Planned | None', runs_dir: pathlib.Path) -> list[Check]:
    import jax

    from autoint_jax.diagnosis import hardware, memory
    from autoint_jax.training.copies.programs import replica_mesh
    from autoint_jax.training.memory import available, room
    from autoint_jax.training.step import placement
    from autoint_jax.training.step.state import make_setup

    if asked is None:
        return [
            Check(
                NOTE,
                f'no plan: {config.data.dataset} is not prepared with recipe {config.data.recipe} in '
                f'{_DATA_DIR.value}; give --cardinalities, --schema or another --data_dir',
            )
        ]
    count = len(copies(config))
    mesh = replica_mesh(count) if count > 1 else placement.run_mesh(config.mesh)
    plan, _, fed = room.fed(make_setup(config, asked.schema), asked.rows, mesh, copies=count, compiling=True)
    found = [Check(OK, fed)] * bool(asked.rows) + memory.checks(
        plan,
        copies=mesh.devices.size,
        on_cpu=jax.default_backend() == 'cpu',
        device_memory=available.device_memory(jax.local_devices()[0]),
        ram=available.available_ram(),
        disk=hardware.free_disk(runs_dir),
    )
    return (
        found
        if asked.rows
        else [Check(NOTE, 'the plan does not count data: --rows=N gives its number of rows'), *found]
    )


if __name__ == '__main__':
    command.run(main)
