"""Faults of the plant, the link and the machine: what was lost must equal what the gaps table says."""
