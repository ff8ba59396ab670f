"""Reports: one HTML file that needs nothing else, its figures, and its numbers."""
