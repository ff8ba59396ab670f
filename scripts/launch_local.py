"""Starts a command as several processes of this machine that share a run, and ends all of them when one fails.

    python scripts/launch_local.py --processes=2 -- python scripts/train.py --config=movielens_100k_autoint

The command gets --coordinator, --processes and --process. Each process has an equal share of the CPU's cores. What the
first one prints is passed on as it is, lines of the others begin with their number, such as [1]. If a process fails,
the others end too, and the exit status is that of the first failure. Ctrl-C and SIGTERM go to all processes.

--devices_each=N gives each process N devices: CPU devices, or N successive GPUs of this machine.
"""

from autoint_jax import interruptions

interruptions.handle()

from absl import flags

from autoint_jax import command
from autoint_jax.errors import UsageError

_PROCESSES = flags.DEFINE_integer('processes', 2, 'Number of processes.', lower_bound=1)
_DEVICES_EACH = flags.DEFINE_integer(
    'devices_each', None, 'Devices of each process; by default one CPU device, or all GPUs.', lower_bound=1
)
_GRACE_SECONDS = flags.DEFINE_float(
    'grace_seconds',
    30.0,
    'Seconds for which the other processes may end by themselves after a failure; then they get SIGTERM, and after as '
    'many seconds SIGKILL.',
    lower_bound=0.0,
)

if __name__ == '__main__':
    command.parse()

from local_processes import LocalProcesses


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        raise UsageError('name the command to start after --, such as: -- python scripts/train.py')
    return LocalProcesses(argv[1:], _PROCESSES.value, _DEVICES_EACH.value).status(_GRACE_SECONDS.value)


if __name__ == '__main__':
    command.run(main, arguments=10_000)
