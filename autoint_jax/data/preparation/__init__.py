"""The pass over raw tables that writes prepared data, and the record of their origin."""
