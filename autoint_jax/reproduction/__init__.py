"""The tables and figures of the paper, benchmarks beside peers, and the pages that are written from records."""
