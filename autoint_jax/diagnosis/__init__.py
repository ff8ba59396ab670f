"""Checks whether a machine and an installation are fit for a run: versions, devices, operations, data and memory."""
