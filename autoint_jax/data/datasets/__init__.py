"""The data sets: raw files, recipes, references, tables of the user, and a registry of all."""
