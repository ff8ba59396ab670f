"""Raw columns -> ids and numbers: the plan, what is counted and fitted, the encoder."""
