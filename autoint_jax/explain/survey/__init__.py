"""A survey of a trained run: everything that a report says about it, in numbers."""
