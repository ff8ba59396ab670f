"""One training step and what it needs: state, devices, order of rows, feed, scoring."""
