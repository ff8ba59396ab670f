"""Prepared data on disk: opening, writing, vocabularies, verification, scratch folders."""
