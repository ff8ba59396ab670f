"""Checks whether the memory plan of a run fits into memory and disk."""

from autoint_jax.diagnosis.checks import BAD, NOTE, OK, Check
from autoint_jax.training.memory.items import Item
from autoint_jax.training.memory.plan import MemoryPlan
from autoint_jax.training.memory.room import on_cpus
from autoint_jax.units import shown_bytes

NEARLY_FULL = 0.9


def checks(
    what: MemoryPlan, *, copies: int, on_cpu: bool, device_memory: int | None, ram: int | None, disk: int
) -> list[Check]:
    """Returns a line for each item of the plan, then for each place whether its items fit.

    Args:
      what: the plan.
      copies: the number of CPU devices that share the RAM.
      on_cpu: whether the memory of the devices is the RAM.
      device_memory: bytes of memory of a device; None if unknown. Not used if `on_cpu`.
      ram: free bytes of RAM; None if unknown.
      disk: free bytes of the disk of the run folder.
    """
    found = _items(what)
    if on_cpu:
        shared = on_cpus(what.device, copies)
        found.append(judged('RAM' + (f', {copies} devices' if copies > 1 else ''), shared + what.host, ram))
    else:
        found += [judged('memory of a device', what.device, device_memory), judged('RAM', what.host, ram)]
    return found + [judged('disk of the run folder', what.disk, disk)]


def checks_on_paper(what: MemoryPlan, device_memory: int | None) -> list[Check]:
    """Returns a line for each item of a plan for devices that are not here, then whether they hold their items.

    Args:
      what: the plan.
      device_memory: bytes of memory of a device; None if unknown.
    """
    ram, disk = (shown_bytes(sum(item.bytes for item in items)) for items in (what.host, what.disk))
    return [
        *_items(what),
        judged('memory of a device', what.device, device_memory),
        Check(OK, f'RAM: {ram} needed by all hosts together; disk of the run folder: {disk} needed'),
    ]


def _items(what: MemoryPlan) -> list[Check]:
    """Returns a line for each item of the plan."""
    places = (('', what.device), (', host', what.host), (', disk', what.disk))
    return [
        Check(OK, f'{item.name}{place}: {shown_bytes(item.bytes)} ({item.counted})')
        for place, items in places
        for item in items
    ]


def judged(place: str, items: list[Item], available: int | None) -> Check:
    """Checks whether items fit into the available bytes. If not, the text names the largest item that can shrink."""
    total = sum(item.bytes for item in items)
    if available is None:
        return Check(NOTE, f'{place}: {shown_bytes(total)} needed, available memory not known')
    needs = f'{place}: {shown_bytes(total)} needed, {shown_bytes(available)} available'
    if total <= NEARLY_FULL * available:
        return Check(OK, f'{needs}: fits')
    largest = max((item for item in items if item.change), key=lambda item: item.bytes)
    advice = f'the largest item is {largest.name} ({shown_bytes(largest.bytes)}): change {largest.change}'
    if total <= available:
        return Check(NOTE, f'{needs}: barely fits; {advice}')
    return Check(BAD, f'{needs}: does not fit; {advice}')
