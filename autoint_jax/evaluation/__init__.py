"""Metrics of whole splits from logits and labels, computed on the devices or in NumPy."""
