"""Memory that is there: RAM that this process can still have, and that of accelerators."""

import pathlib
import resource

import jax

CGROUPS, PROCESS = pathlib.Path('/sys/fs/cgroup'), pathlib.Path('/proc/self')
SYSTEM = 'free in the system'


def available_ram() -> int | None:
    """Bytes of RAM this process can still have: what the system has free, or what a limit leaves it; None where not known."""
    return min(ram_by_limit().values(), default=None)


def ram_by_limit() -> dict[str, int]:
    """Bytes that this process can still have by each of the limits it has, by what a person calls the limit."""
    found = {}
    meminfo = pathlib.Path('/proc/meminfo')
    if meminfo.exists():
        fields = dict(line.split(':') for line in meminfo.read_text().splitlines())
        if 'MemAvailable' in fields:
            found[SYSTEM] = int(fields['MemAvailable'].split()[0]) * 1024
    if (left := _left_by_control_groups()) is not None:
        found['left by its control group'] = left
    return found | _left_by_process_limits()


def _left_by_control_groups() -> int | None:
    """The least that the control groups of this process leave, its own and those around it."""
    folders = {CGROUPS: None, CGROUPS / 'memory': None}
    for line in _lines(PROCESS / 'cgroup'):
        controllers, path = line.split(':', 2)[1:]
        root = CGROUPS if not controllers else CGROUPS / controllers
        own = root / path.lstrip('/')
        folders |= dict.fromkeys(folder for folder in (own, *own.parents) if folder.is_relative_to(root))
    left = []
    for folder in folders:
        for limit, used, inactive in (
            ('memory.max', 'memory.current', 'inactive_file'),
            ('memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'),
        ):
            try:
                allowed, taken = (int((folder / name).read_text()) for name in (limit, used))  # 'max' is no number
            except (OSError, ValueError):
                continue
            counts = dict(line.split() for line in _lines(folder / 'memory.stat'))
            left.append(max(allowed - taken + int(counts.get(inactive, 0)), 0))  # cached files make way
    return min(left, default=None)


def _left_by_process_limits() -> dict[str, int]:
    """What `ulimit -v` and `ulimit -d` leave."""
    taken = {
        line.split(':')[0]: int(line.split()[1]) * 1024 for line in _lines(PROCESS / 'status') if line.startswith('Vm')
    }
    found = {}
    for name, limit, counted in (
        ('left by ulimit -v', resource.RLIMIT_AS, 'VmSize'),
        ('left by ulimit -d', resource.RLIMIT_DATA, 'VmData'),
    ):
        allowed, _ = resource.getrlimit(limit)
        if allowed != resource.RLIM_INFINITY and counted in taken:
            found[name] = max(allowed - taken[counted], 0)
    return found


def _lines(path: pathlib.Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def device_memory(device: jax.Device) -> int | None:
    """Bytes JAX may use on an accelerator (3/4 of a GPU's unless told otherwise), or None where it does not say."""
    return (device.memory_stats() or {}).get('bytes_limit')


def shown_bytes(count: float) -> str:
    """A number of bytes for a person, in decimal units: '1.92 GB'."""
    for unit in ('bytes', 'kB', 'MB', 'GB'):
        if count < 1000:
            return f'{count:.3g} {unit}' if count < 999.5 else f'{count:.0f} {unit}'
        count /= 1000
    return f'{count:.3g} TB' if count < 999.5 else f'{count:,.0f} TB'
