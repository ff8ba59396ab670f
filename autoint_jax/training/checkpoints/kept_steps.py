"""The policy by which the storage library keeps checkpoints: those of a set of steps."""

from orbax.checkpoint.checkpoint_managers import preservation_policy


class KeptSteps(preservation_policy.PreservationPolicy):
    """The policy that keeps the steps of a set. The set may change between saves."""

    def __init__(self, steps: set[int]):
        self._steps = steps

    def should_preserve(self, checkpoints, *, context):
        return [checkpoint.step in self._steps for checkpoint in checkpoints]
