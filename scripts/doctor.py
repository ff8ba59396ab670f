"""Says whether this machine and installation are fit for a run, and whether the run fits into memory and disk.

    python scripts/doctor.py                                              (the quick start's configuration)
    python scripts/doctor.py --config=movielens_1m_autoint --config.model.num_layers=6
    python scripts/doctor.py --cardinalities=6000000,64,1000 --rows=45000000 --config.optimizer.tables=deferred_adam
    python scripts/doctor.py --cardinalities=64x13,2400000x26 --config.mesh.table=0 --devices=64 --device_memory=80GB

Prints one line for each check: ok, note (worth knowing) or bad (with what to do). The exit status is 1 if anything is
bad, else 0. Prepared data is compared with its checksums, byte by byte. The memory plan takes its schema from prepared
data, --schema=FILE or --cardinalities, and allocates nothing. Of several devices it also says what a step moves between
them. With --devices only the plan is made, for accelerators that need not be here.
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
    from jax.sharding import Mesh

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
    'Number of ids of each categorical field, such as 64,1000,6000000, or 1000x26 for 26 fields of 1000; the memory '
    'plan is made for them instead.',
)
_ROWS = flags.DEFINE_integer(
    'rows',
    None,
    'With --schema or --cardinalities: number of rows. Eight in ten are for training, one each for validation and '
    'test.',
    lower_bound=10,
)
_DEVICES = flags.DEFINE_integer(
    'devices',
    None,
    'Plan for so many accelerators, which need not be here, in the mesh of config.mesh.table and config.mesh.data, and '
    'check nothing else.',
    lower_bound=1,
)
_DEVICE_MEMORY = flags.DEFINE_string(
    'device_memory',
    None,
    'With --devices: the memory of each that JAX may use, such as 60GB. By default JAX takes three quarters of a GPU.',
)
_LINK = flags.DEFINE_string(
    'link',
    None,
    'Rate at which a device sends to others while it receives as much, such as 50GB/s: tells how long the bytes of a '
    'step take.',
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
    if _DEVICES.value is not None:
        return _summary(bad + _on_paper(config, _DEVICES.value))
    # Imported here, because these modules need the versions that were just checked.
    from autoint_jax.diagnosis import hardware, moved_bytes, operations, prepared_data, scatter
    from autoint_jax.training import compilation
    from autoint_jax.training.copies.programs import replica_mesh
    from autoint_jax.training.step import placement
    from autoint_jax.training.step.state import make_setup

    if _DEVICE_MEMORY.value is not None:
        raise UsageError('--device_memory needs --devices, because devices that are here say how much memory they have')
    asked, link = _planned(config), _link()
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
    if asked is None:
        return _summary(bad + _shown('memory plan', [_nothing_to_plan(config)]))
    count = len(copies(config))
    mesh = replica_mesh(count) if count > 1 else placement.run_mesh(config.mesh)
    bad += _shown('memory plan', _plan(config, asked, mesh, count, runs_dir))
    if count == 1 and mesh.size > 1:
        setup = make_setup(config, asked.schema)
        bad += _shown('bytes that a step moves', moved_bytes.checks(setup, asked.rows, mesh, link))
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


def _nothing_to_plan(config: Config) -> Check:
    return Check(
        NOTE,
        f'no plan: {config.data.dataset} is not prepared with recipe {config.data.recipe} in '
        f'{_DATA_DIR.value}; give --cardinalities, --schema or another --data_dir',
    )


def _rows_check(asked: 'Planned', fed: str) -> Check:
    """Returns how rows are fed to the devices; a note if their number is unknown."""
    return (
        Check(OK, fed) if asked.rows else Check(NOTE, 'the plan does not count data: --rows=N gives its number of rows')
    )


def _plan(config: Config, asked: 'Planned', mesh: 'Mesh', count: int, runs_dir: pathlib.Path) -> list[Check]:
    """Returns the plan of a run, or of `count` copies of it, on the devices of a mesh that are here."""
    import jax

    from autoint_jax.diagnosis import hardware, memory
    from autoint_jax.training.memory import available, room
    from autoint_jax.training.step.state import make_setup

    plan, _, fed = room.fed(make_setup(config, asked.schema), asked.rows, mesh, copies=count, compiling=True)
    return [_rows_check(asked, fed)] + memory.checks(
        plan,
        copies=mesh.devices.size,
        on_cpu=jax.default_backend() == 'cpu',
        device_memory=available.device_memory(jax.local_devices()[0]),
        ram=available.available_ram(),
        disk=hardware.free_disk(runs_dir),
    )


def _link() -> int | None:
    """Returns the bytes a second of --link; None if it is not given."""
    from autoint_jax.diagnosis import paper

    return None if _LINK.value is None else paper.rate_of('link', _LINK.value)


def _on_paper(config: Config, devices: int) -> int:
    """Prints the plan of a run on devices that need not be here. Returns the number of bad checks."""
    from autoint_jax.diagnosis import memory, moved_bytes, paper
    from autoint_jax.training.memory import room
    from autoint_jax.training.step.placement import platform
    from autoint_jax.training.step.state import make_setup

    if (count := len(copies(config))) > 1:
        raise UsageError(
            f'--devices plans one run, but the configuration asks for {count} copies: leave one of both out'
        )
    of_each = None if _DEVICE_MEMORY.value is None else paper.size_of('device_memory', _DEVICE_MEMORY.value)
    asked, link, mesh = _planned(config), _link(), paper.mesh_of(config.mesh, devices, of_each)
    if asked is None:
        return _shown('memory plan', [_nothing_to_plan(config)])
    setup = make_setup(config, asked.schema, platform(mesh))
    plan, _, fed = room.fed(setup, asked.rows, mesh, compiling=True)
    bad = _shown('memory plan', [_rows_check(asked, fed), *memory.checks_on_paper(plan, of_each)])
    bad += _shown('bytes that a step moves', moved_bytes.checks(setup, asked.rows, mesh, link))
    return bad + _shown(f'meshes of {devices} devices', moved_bytes.meshes(config, asked, devices, of_each, link))


if __name__ == '__main__':
    command.run(main)
