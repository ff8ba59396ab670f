"""Exported bundles on disk: the manifest and the weights. It needs NumPy only."""
