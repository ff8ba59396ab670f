"""Whether a run has room in the memory there is, asked before anything is allocated or written."""

from typing import NamedTuple

import jax
from jax.sharding import Mesh

from autoint_jax.errors import UsageError
from autoint_jax.training.memory import plan as memory
from autoint_jax.training.memory.available import device_memory, ram_by_limit, shown_bytes
from autoint_jax.training.memory.plan import Item, Plan
from autoint_jax.training.step.feed import chosen_feed
from autoint_jax.training.step.state import Setup, state_shapes

LARGEST = 3  # parts that are named
LESS = 'take fewer hash buckets or a cap in the declaration of the data, or '


class Place(NamedTuple):
    """A memory and what a plan puts there.

    Attributes:
      name: of the memory.
      items: each with the bytes it takes there in all.
      available: bytes; None where not known.
      limit: what says so.
    """

    name: str
    items: list[Item]
    available: int | None
    limit: str

    @property
    def needed(self) -> int:
        return sum(item.bytes for item in self.items)


def places(plan: Plan, mesh: Mesh) -> list[Place]:
    """The memories of this machine, with what a plan puts there."""
    device, by_limit = mesh.devices.flat[0], ram_by_limit()
    limit = min(by_limit, key=by_limit.get, default='')
    ram = by_limit.get(limit)
    if device.platform == 'cpu':
        return [Place('RAM', [*on_cpus(plan.device, mesh.devices.size), *plan.host], ram, limit)]
    return [
        Place('memory of a device', plan.device, device_memory(device), 'that JAX may use'),
        Place('RAM', plan.host, ram, limit),
    ]


def available(mesh: Mesh) -> int | None:
    """Bytes that are available where rows are kept: of a device, or of the RAM of CPUs; None where not known."""
    device = mesh.devices.flat[0]
    return min(ram_by_limit().values(), default=None) if device.platform == 'cpu' else device_memory(device)


def on_cpus(items: list[Item], devices: int) -> list[Item]:
    """What CPU devices take in all."""
    return [item if item.shared else item._replace(bytes=devices * item.bytes) for item in items]


class Arrangement(NamedTuple):
    """How a run fits.

    Attributes:
      streamed: rows are read from disk, else they are kept on the devices.
      sentence: says so, and why.
      warning: says that the run may not fit after all; '' where it will.
    """

    streamed: bool
    sentence: str
    warning: str


def arranged(made: Setup, rows: dict[str, int], mesh: Mesh, *, copies: int = 1) -> Arrangement:
    """How the rows of a run are fed, so that it fits into the memory there is.

    Args:
      made: of the run.
      rows: of each split.
      mesh: the devices.
      copies: of the run that train in one program.

    Raises:
      UsageError: it does not fit, however its rows are fed; the sentence has the largest parts and what to change.
    """
    plan, streamed, sentence = fed(made, rows, mesh, copies=copies, compiling=False)
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


def fed(made: Setup, rows: dict[str, int], mesh: Mesh, *, copies: int = 1, compiling: bool) -> tuple[Plan, bool, str]:
    """The plan of a run, whether it streams its rows, and a sentence that says why; arguments as of `memory.plan`."""
    plan = memory.plan(made.config, made.schema, rows, mesh, copies=copies, compiling=compiling)
    first, *_ = places(plan, mesh)
    data = sum(item.bytes for item in first.items if item.name in ('data', 'order of rows'))
    streamed, sentence = chosen_feed(made.config, data, first.available, beside=_surely(first) - data)
    if streamed and copies == 1:  # copies cannot stream
        plan = memory.plan(made.config, made.schema, rows, mesh, streamed=True, compiling=compiling)
    return plan, streamed, sentence


def check_reading(made: Setup, mesh: Mesh, what: str) -> None:
    """Raises UsageError where a state, which is held twice while it is read, has no room on the devices; `what` names it."""
    state = state_shapes(made)
    needed = 2 * sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    needed *= mesh.devices.size if mesh.devices.flat[0].platform == 'cpu' else 1
    there = available(mesh)
    if there is not None and needed > there:
        tables = ', '.join(f'{table.shape[0]:,} x {table.shape[1]}' for table in state.tables.values())
        raise UsageError(
            f'reading {what} needs {shown_bytes(needed)} of memory, but only {shown_bytes(there)} are there (tables of '
            f'{tables} values and the state of their optimizer, twice): open it on a larger machine'
        )


def _surely(place: Place) -> int:
    return sum(item.bytes for item in place.items if not item.estimated)


def _refusal(place: Place, copies: int) -> str:
    largest = sorted(place.items, key=lambda item: -item.bytes)[:LARGEST]
    parts = ', '.join(f'{item.name} {shown_bytes(item.bytes)} ({item.counted})' for item in largest if item.bytes)
    runs = f'these {copies} copies of a run need' if copies > 1 else 'this run needs'
    return (
        f'{runs} {shown_bytes(place.needed)} of {place.name}, but only {shown_bytes(place.available)} are {place.limit}, and '
        f'nothing was begun; the largest parts are {parts}; to need less, {"train fewer copies at a time, or " if copies > 1 else ""}'
        f'{_advice(place)}; scripts/doctor.py shows the whole plan'
    )


def _advice(place: Place) -> str:
    """What to change for fewer bytes, by the largest parts that can be changed."""
    largest = sorted(place.items, key=lambda item: -item.bytes)[: LARGEST + 1]
    changes = [item.change for item in largest if item.change and item.bytes] or ['the number of rows']
    return (LESS if 'model.embedding_dim' in changes else '') + 'change ' + ', or '.join(dict.fromkeys(changes))
