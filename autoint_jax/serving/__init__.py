"""Scores raw rows by an exported bundle, in Python and over HTTP. Scoring needs ONNX Runtime and NumPy only."""
