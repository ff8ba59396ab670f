"""The folder of a run: its records, its TensorBoard events, its provenance and its lock."""
