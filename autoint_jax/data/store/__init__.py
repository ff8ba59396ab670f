"""Prepared data on disk: its columns and manifest, opening, checking and writing."""
