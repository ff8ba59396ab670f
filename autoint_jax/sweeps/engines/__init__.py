"""Engines that start the workers of a sweep on the machines of a cluster."""
