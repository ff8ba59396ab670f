"""Reads raw files of text, Parquet and libsvm into typed columns, with labels, derived columns and bad rows."""
