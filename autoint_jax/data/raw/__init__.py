"""Raw files -> typed raw columns: text, Parquet and libsvm sources, labels, derived columns, bad rows."""
