"""The history benches: a plant of any size, SQL written by hand, and databases beside it."""
