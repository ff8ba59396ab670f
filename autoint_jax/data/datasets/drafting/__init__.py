"""Drafts declarations from the first rows of tables, and gives a reason for each guess."""
