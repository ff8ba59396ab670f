"""The paper's tables and figures, benchmarks beside peers, and pages written from records."""
