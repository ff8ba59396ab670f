"""Several runs side by side: their figures, tests, ranks and options, and the page that shows them."""
