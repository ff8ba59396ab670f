"""Trained model -> what its attention learned."""
