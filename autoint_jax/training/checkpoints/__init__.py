"""Checkpoints of a run: saved, verified, restored. The only room that knows Orbax."""
