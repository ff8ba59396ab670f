"""The memory and disk space that a run needs and that this machine has, compared before anything is allocated."""
