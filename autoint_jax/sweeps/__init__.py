"""Sweeps: many trials from one file, trained by any number of processes that share a folder."""
