"""Raw columns -> ids and numbers: plans, counting and fitting of values, encoding."""
