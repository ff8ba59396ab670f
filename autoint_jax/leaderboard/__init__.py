"""Leaderboards: models that are searched with equal budgets, trained with new seeds, and compared on the test split."""
