"""Generated data in the shapes of the published data sets."""
