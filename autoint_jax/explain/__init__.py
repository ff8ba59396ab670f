"""Shows what the attention of a trained model learned."""
