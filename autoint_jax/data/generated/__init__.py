"""Generated raw files: in the shapes of published data sets, of any size, with interactions to learn."""
