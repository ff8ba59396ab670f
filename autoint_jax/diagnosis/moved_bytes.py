"""Lines on the bytes that a training step moves between devices, and on meshes to choose from."""

from itertools import groupby

from jax.sharding import Mesh

from autoint_jax.config.configuration import Config, replace
from autoint_jax.config.mesh_config import ALL_TO_ALL, AUTOMATIC, GATHERED, TABLE_DEVICES
from autoint_jax.diagnosis import paper
from autoint_jax.diagnosis.checks import NOTE, OK, Check
from autoint_jax.diagnosis.planned import Planned
from autoint_jax.training.memory import room
from autoint_jax.training.step import slices, traffic
from autoint_jax.training.step.placement import DATA_AXIS, platform, table_parts
from autoint_jax.training.step.state import Setup, make_setup
from autoint_jax.training.step.traffic import Collective
from autoint_jax.units import shown_bytes


def checks(setup: Setup, rows: dict[str, int], mesh: Mesh, link: int | None) -> list[Check]:
    """Returns a line for each kind of thing that a step moves between devices, and one for the sum.

    Args:
      setup: the setup of the run.
      rows: {split: number of rows}; empty if unknown.
      mesh: the devices.
      link: bytes a second that each device sends while it receives as many; None if unknown.
    """
    _, streamed, _ = room.fed(setup, rows, mesh, compiling=False)
    collectives = _of_step(setup, rows, mesh, streamed)
    if not collectives:
        return [Check(OK, 'one device: a step moves nothing')]
    found = []
    for (moved, operation, devices), same in groupby(sorted(collectives), lambda each: each[:3]):
        alike = list(same)
        result = shown_bytes(sum(each.result for each in alike))
        found.append(
            Check(OK, f'{moved}: {operation} over {devices} devices, result {result}, {_sent(alike, None)} sent')
        )
    found.append(Check(OK, f'in a step each device sends {_sent(collectives, link)} and receives as many'))
    if table_parts(mesh) > 1 and not setup.config.mesh.ordered_sums:
        sent = [_sent(_of_step(setup, rows, mesh, streamed, form), link) for form in (GATHERED, ALL_TO_ALL)]
        found.append(Check(OK, f'in the gathered form that is {sent[0]}, in the all-to-all form {sent[1]}'))
    return found


def meshes(config: Config, asked: Planned, devices: int, memory: int | None, link: int | None) -> list[Check]:
    """Returns a line for each mesh of so many devices on paper: memory of a device, and the bytes that a step moves.

    Args:
      config: the configuration of the run, whose mesh is left out.
      asked: the data.
      devices: the number of devices.
      memory: bytes of memory that JAX may use on each; None if unknown.
      link: as for `checks`.
    """
    found = []
    for table in TABLE_DEVICES:
        if devices % table == 0:
            whole = {'mesh.exchange': AUTOMATIC, 'mesh.capacity': 1.0} if table == 1 else {}
            options = replace(config, {'mesh.table': table, 'mesh.data': 0} | whole)
            mesh = paper.mesh_of(options.mesh, devices, memory)
            setup = make_setup(options, asked.schema, platform(mesh))
            plan, streamed, _ = room.fed(setup, asked.rows, mesh, compiling=False)
            needed = sum(item.bytes for item in plan.device)
            text = (
                f'mesh.data={mesh.shape[DATA_AXIS]} mesh.table={table}: {shown_bytes(needed)} of memory, '
                f'{_sent(_of_step(setup, asked.rows, mesh, streamed), link)} sent in a step, by each device'
            )
            fits = memory is None or needed <= memory
            found.append(Check(OK, text) if fits else Check(NOTE, f'{text}: does not fit'))
    return found


def _of_step(
    setup: Setup, rows: dict[str, int], mesh: Mesh, streamed: bool, form: str | None = None
) -> list[Collective]:
    """Returns the collective operations of a step of the run, or of one in another form of the exchange."""
    batch_size = setup.config.training.batch_size
    cut = slices.cut(min(batch_size, rows.get('train', batch_size)), setup, mesh)
    return traffic.of_step(setup, mesh, cut, streamed=streamed, form=form)


def _sent(collectives: list[Collective], link: int | None) -> str:
    """Returns the bytes that a device sends, and the time that they take on a link if its rate is known."""
    sent = sum(each.sent for each in collectives)
    return shown_bytes(sent) + ('' if link is None else f' ({1000 * sent / link:.3g} ms on the link)')
