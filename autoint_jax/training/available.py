"""Memory that is there: RAM that this process can still have, and that of accelerators."""

import pathlib

import jax

CGROUPS = pathlib.Path('/sys/fs/cgroup')


def available_ram() -> int | None:
    """Bytes of RAM this process can still have: what the system has free, or what its control group leaves it."""
    meminfo = pathlib.Path('/proc/meminfo')
    if not meminfo.exists():
        return None
    fields = dict(line.split(':') for line in meminfo.read_text().splitlines())
    free = [int(fields[name].split()[0]) * 1024 for name in ('MemAvailable',) if name in fields]
    return min([*free, *_left_by_control_group()], default=None)


def _left_by_control_group() -> list[int]:
    for limit, used, inactive in (
            ('memory.max', 'memory.current', 'inactive_file'),
            ('memory/memory.limit_in_bytes', 'memory/memory.usage_in_bytes', 'total_inactive_file')):
        try:
            allowed, taken = (int((CGROUPS / name).read_text()) for name in (limit, used))  # 'max' is no number
        except (OSError, ValueError):
            continue
        stat = (CGROUPS / limit).parent / 'memory.stat'
        counts = dict(line.split() for line in stat.read_text().splitlines()) if stat.exists() else {}
        return [max(allowed - taken + int(counts.get(inactive, 0)), 0)]  # cached files make way
    return []


def device_memory(device: jax.Device) -> int | None:
    """Bytes JAX may use on an accelerator (3/4 of a GPU's unless told otherwise), or None where it does not say."""
    return (device.memory_stats() or {}).get('bytes_limit')
