"""Is this machine and installation fit: versions, devices, operations against NumPy, memory."""
