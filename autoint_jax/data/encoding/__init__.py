"""Turns raw columns into ids and numbers: plans, counting and fitting of values, encoding."""
