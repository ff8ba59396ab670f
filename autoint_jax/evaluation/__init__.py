"""Logits + labels -> metrics of whole splits, on the devices or in NumPy."""
