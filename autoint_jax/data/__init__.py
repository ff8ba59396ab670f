"""Raw files -> prepared, memory-mapped columns -> batches."""
