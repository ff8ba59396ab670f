"""Optimizers of embedding tables, dense and sparse, and the choice among them."""
