"""The options of a run, of models and of replicas: their defaults, checks and fingerprints."""
