"""The check that a run fits into the memory of this machine, made before anything is allocated or written."""

from typing import NamedTuple

import jax
from jax.sharding import Mesh

from autoint_jax.errors import UsageError
from autoint_jax.training.memory import plan as memory
from autoint_jax.training.memory.available import device_memory, ram_by_limit
from autoint_jax.training.memory.items import Item
from autoint_jax.training.memory.plan import MemoryPlan
from autoint_jax.training.processes import group
from autoint_jax.training.step.feed import chosen_feed
from autoint_jax.training.step.placement import platform, table_parts
from autoint_jax.training.step.state import Setup, state_shapes
from autoint_jax.units import shown_bytes

LARGEST = 3  # parts that an error names
LESS = 'take fewer hash buckets or a cap in the declaration of the data, or '


class Place(NamedTuple):
    """A memory of this machine and the items of a plan that it will hold.

    Attributes:
      name: name of the memory, for sentences.
      items: the items, each with the bytes that it takes in this memory.
      available: bytes available; None if unknown.
      limit: the limit that leaves so many bytes, a phrase for sentences.
    """

    name: str
    items: list[Item]
    available: int | None
    limit: str

    @property
    def needed(self) -> int:
        """Bytes of all items."""
        return sum(item.bytes for item in self.items)


def places(plan: MemoryPlan, mesh: Mesh) -> list[Place]:
    """Returns the memories of this machine with the items of a plan that each will hold."""
    device = mesh.local_devices[0]
    limit, ram = min(_ram_by_limit().items(), key=lambda item: item[1], default=('', None))
    if device.platform == 'cpu':
        return [Place('RAM', [*on_cpus(plan.device, len(mesh.local_devices)), *plan.host], ram, limit)]
    return [
        Place('memory of a device', plan.device, device_memory(device), 'that JAX may use'),
        Place('RAM', plan.host, ram, limit),
    ]


def available(mesh: Mesh) -> int | None:
    """Returns the bytes available where rows are kept, a device's memory or RAM for CPUs; None if unknown."""
    device = mesh.local_devices[0]
    return min(_ram_by_limit().values(), default=None) if device.platform == 'cpu' else device_memory(device)


def _ram_by_limit() -> dict[str, int]:
    """Returns what `ram_by_limit` does, in equal shares for the processes of the run on this host."""
    sharing = group.on_this_host()
    if sharing == 1:
        return ram_by_limit()
    return {f'{limit} for each of {sharing} processes': ram // sharing for limit, ram in ram_by_limit().items()}


def on_cpus(items: list[Item], devices: int) -> list[Item]:
    """Returns the items with the bytes that all CPU devices take together."""
    return [item if item.shared else item._replace(bytes=devices * item.bytes) for item in items]


def in_one_memory(each: int, mesh: Mesh) -> int:
    """Returns the bytes in the memory that devices use if each takes `each`: CPU devices of a process share the RAM."""
    return each * (len(mesh.local_devices) if platform(mesh) == 'cpu' else 1)


def _holders(mesh: Mesh) -> str:
    """Returns words for the devices whose rows one memory holds."""
    there, here = mesh.size, in_one_memory(1, mesh)
    if there == 1:
        return 'the device'
    if here == 1:
        return f'each of {there} devices'
    return f'the {there} devices' if here == there else f'{here} of {there} devices'


class Arrangement(NamedTuple):
    """How a run fits into memory.

    Attributes:
      streamed: whether rows are read from disk; otherwise they are kept on the devices.
      sentence: says which, and why.
      warning: says that the run may not fit after all; '' if it will.
    """

    streamed: bool
    sentence: str
    warning: str


def arranged(setup: Setup, rows: dict[str, int], mesh: Mesh, *, copies: int = 1) -> Arrangement:
    """Returns how to feed the rows of a run so that it fits into memory.

    Args:
      setup: the setup of the run.
      rows: {split: number of rows}.
      mesh: the devices.
      copies: number of copies of the run that train in one program.

    Raises:
      UsageError: the run does not fit, however its rows are fed; the sentence has the largest parts and what to change.
    """
    plan, streamed, sentence = fed(setup, rows, mesh, copies=copies, compiling=False)
    warnings = []
    for place in places(plan, mesh):
        if place.available is not None and _surely(place) > place.available:
            raise UsageError(_refusal(place, copies))
        if place.available is not None and place.needed > place.available:
            warnings.append(
                f'{place.name}: about {shown_bytes(place.needed)} are needed and {shown_bytes(place.available)} '
                f'{place.limit}, so this may end without memory: {_advice(place)}'
            )
    return Arrangement(streamed, sentence, '; '.join(warnings))


def fed(
    setup: Setup, rows: dict[str, int], mesh: Mesh, *, copies: int = 1, compiling: bool
) -> tuple[MemoryPlan, bool, str]:
    """Returns the plan of a run, whether it streams its rows, and a sentence that says why.

    The arguments are those of `memory.plan`.
    """
    plan = memory.plan(setup.config, setup.schema, rows, mesh, copies=copies, compiling=compiling)
    first, *_ = places(plan, mesh)
    data = sum(item.bytes for item in first.items if item.name in ('data', 'order of rows'))
    streamed, sentence = chosen_feed(
        setup.config, data, first.available, beside=_surely(first) - data, holders=_holders(mesh)
    )
    if streamed and copies == 1:  # copies cannot stream: each has its own order
        plan = memory.plan(setup.config, setup.schema, rows, mesh, streamed=True, compiling=compiling)
    return plan, streamed, sentence


def check_reading(setup: Setup, mesh: Mesh, what: str) -> None:
    """Raises UsageError if the devices cannot hold a state twice, which reading it needs.

    Args:
      setup: the setup of the run.
      mesh: the devices.
      what: words that name the state in the sentence.
    """
    state = state_shapes(setup)
    needed = 2 * sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state)) // table_parts(mesh)
    needed, there = in_one_memory(needed, mesh), available(mesh)
    if there is not None and needed > there:
        tables = ', '.join(f'{table.shape[0]:,} x {table.shape[1]}' for table in state.tables.values())
        raise UsageError(
            f'reading {what} needs {shown_bytes(needed)} of memory, but only {shown_bytes(there)} are there (tables of '
            f'{tables} values and the state of their optimizer, twice): open it on a larger machine'
        )


def _surely(place: Place) -> int:
    """Returns the bytes of the items that are counted exactly."""
    return sum(item.bytes for item in place.items if not item.estimated)


def _refusal(place: Place, copies: int) -> str:
    """Returns the sentence that a run, or copies of it, do not fit into a memory."""
    largest = sorted(place.items, key=lambda item: -item.bytes)[:LARGEST]
    parts = ', '.join(f'{item.name} {shown_bytes(item.bytes)} ({item.counted})' for item in largest if item.bytes)
    fewer = 'train fewer copies at a time, or ' if copies > 1 else ''
    runs = f'these {copies} copies of a run need' if copies > 1 else 'this run needs'
    return (
        f'{runs} {shown_bytes(place.needed)} of {place.name}, but only {shown_bytes(place.available or 0)} are '
        f'{place.limit}, and '
        f'nothing was begun; the largest parts are {parts}; to need less, {fewer}'
        f'{_advice(place)}; scripts/doctor.py shows the whole plan'
    )


def _advice(place: Place) -> str:
    """Returns advice on which options to change for fewer bytes, from the largest items that can be changed."""
    largest = sorted(place.items, key=lambda item: -item.bytes)[: LARGEST + 1]
    changes = [item.change for item in largest if item.change and item.bytes] or ['the number of rows']
    return (LESS if 'model.embedding_dim' in changes else '') + 'change ' + ', or '.join(dict.fromkeys(changes))
