"""Training: the steps, the loop and the checkpoints that turn a configuration and prepared data into a trained run."""
