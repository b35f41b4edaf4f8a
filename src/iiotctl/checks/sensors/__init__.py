"""Checks of sensors, one a file. Each is a `Check` named `CHECK`, registered in the entry-point group `iiotctl.checks`."""
