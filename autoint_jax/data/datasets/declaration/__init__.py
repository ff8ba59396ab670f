"""Declarations of users' own tables: a YAML or JSON file, read strictly."""
