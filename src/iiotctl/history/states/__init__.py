"""How long a tag was in which state, and aggregates split by it."""
