"""The data sets: their files, recipes, references, users' own tables, the registry."""
