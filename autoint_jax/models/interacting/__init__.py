"""The stack of interacting layers and its forms for CPUs and GPUs."""
