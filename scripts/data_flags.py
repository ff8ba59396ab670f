"""The flag --verify_data of commands that read prepared data."""

from absl import flags

from autoint_jax.data.store.prepared import LARGE, PreparedData

_VERIFY_DATA = flags.DEFINE_boolean(
    'verify_data',
    False,
    'First compare every byte of the prepared data with its checksums. Without this flag, sizes, small files, samples '
    'of large files and the range of every value are checked.',
)


def verified(data: PreparedData) -> PreparedData:
    """Returns `data`, compared with its checksums if the flag asks for it. Raises UsageError if a file differs."""
    if _VERIFY_DATA.value:
        data.check_whole(print)
    elif data.size >= LARGE:
        print(
            f'the values of a split are checked when it is first read; {data.folder} has {data.size / 1e9:.1f} GB',
            flush=True,
        )
    return data
