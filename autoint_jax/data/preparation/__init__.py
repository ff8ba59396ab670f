"""The one pass that turns raw columns into prepared data."""
