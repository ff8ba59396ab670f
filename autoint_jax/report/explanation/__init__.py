"""The report about one trained run: from findings to a page, its figures, and its numbers."""
