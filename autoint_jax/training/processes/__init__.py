"""Several processes that train one run together, on one host or on many."""
