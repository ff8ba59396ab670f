"""Records of runs under results/, and their comparison with published figures."""
