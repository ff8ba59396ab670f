"""The test whether the checkpoints in a run folder belong to its run."""

from autoint_jax.training.checkpoints.checkpoint_reader import CheckpointReader, DamagedCheckpoint
from autoint_jax.training.run_folder import contents


def check_identity(checkpoints: CheckpointReader, data_hash: str) -> None:
    """Raises UnusableFolder if a checkpoint belongs to another run than run.json of its run folder.

    Checkpoints of older versions do not name their run.

    Args:
      checkpoints: the checkpoints of a run folder.
      data_hash: the hash of the data that the run is trained on.
    """
    steps = checkpoints.steps()
    names = contents.checkpoint_fingerprints(checkpoints.folder.parent) if steps else set()
    for step in steps:
        try:
            progress = checkpoints.progress(step)
        except DamagedCheckpoint:
            continue
        name, data = progress.get('fingerprint'), progress.get('data_hash')
        if not (name is None or name in names) or not (data is None or data == data_hash):
            raise contents.UnusableFolder(
                f'{checkpoints.folder}/{step} is a checkpoint of another run (configuration {name} on data '
                f'{str(data)[:12]}, not {min(names)} on {data_hash[:12]}): choose another run folder'
            )
