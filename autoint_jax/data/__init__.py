"""Turns raw files into prepared data, which is columns on disk that training reads from memory maps."""
