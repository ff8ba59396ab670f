"""The memory that is available: RAM that this process may still use, and the memory of accelerators."""

import pathlib
import resource

import jax

CGROUPS, PROCESS = pathlib.Path('/sys/fs/cgroup'), pathlib.Path('/proc/self')
SYSTEM = 'free in the system'


def available_ram() -> int | None:
    """Returns the bytes of RAM that this process may still use, by the system and by its limits; None if unknown."""
    return min(ram_by_limit().values(), default=None)


def ram_by_limit() -> dict[str, int]:
    """Returns {limit: bytes of RAM that this process may still use by it}; the keys are phrases for sentences."""
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
    """Returns the fewest bytes that a control group around this process leaves it; None if there is no limit."""
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
                allowed, taken = (
                    int((folder / name).read_text()) for name in (limit, used)
                )  # int('max') fails: no limit
            except (OSError, ValueError):
                continue
            counts = dict(line.split() for line in _lines(folder / 'memory.stat'))
            left.append(max(allowed - taken + int(counts.get(inactive, 0)), 0))  # cached files can be dropped
    return min(left, default=None)


def _left_by_process_limits() -> dict[str, int]:
    """Returns the bytes that `ulimit -v` and `ulimit -d` leave, as `ram_by_limit` does."""
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
    """Returns the lines of a file; none if it cannot be read."""
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def device_memory(device: jax.Device) -> int | None:
    """Returns the bytes that JAX may use on an accelerator, by default 3/4 of a GPU's memory; None if unknown."""
    return (device.memory_stats() or {}).get('bytes_limit')
