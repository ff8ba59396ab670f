"""State, steps, loop, checkpoints: a configuration and prepared data -> a trained run."""
