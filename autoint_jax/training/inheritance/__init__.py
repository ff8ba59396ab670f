"""What a run takes over from another run that it goes on from, and what both must have in common."""
