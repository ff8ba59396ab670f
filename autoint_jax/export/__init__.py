"""A trained run as a bundle that other programs score with."""
