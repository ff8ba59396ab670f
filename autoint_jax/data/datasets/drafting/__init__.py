"""Drafts of declarations: what the first rows of a table tell about it, each guess with its reason."""
