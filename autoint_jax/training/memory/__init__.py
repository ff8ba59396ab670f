"""What a run needs in memory and on disk, and whether it is there, before anything is allocated."""
