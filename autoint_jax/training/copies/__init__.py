"""Copies of a run that train in one program."""
