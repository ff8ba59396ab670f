"""Reads declarations of users' own tables, YAML or JSON files, without guesses."""
