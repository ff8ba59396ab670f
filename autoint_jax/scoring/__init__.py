"""Scores of rows by a trained run: raw rows in, scores out."""
