"""Many runs: what is missing is run, records become tables."""
