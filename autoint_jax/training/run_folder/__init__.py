"""The folder of a run: its records, events, provenance and who holds it."""
