"""ONNX graphs of models and of the encoding of raw rows."""
