"""The models, which turn rows into logits. They are Flax Linen modules and know no files, flags or data sets."""
