"""Schema + configuration -> logits. Pure Flax Linen: no files, no flags, no data sets."""
