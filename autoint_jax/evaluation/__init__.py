"""Logits + labels -> metrics. Plain NumPy, on whole splits."""
