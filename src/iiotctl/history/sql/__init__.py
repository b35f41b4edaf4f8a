"""The session over the store: what may be read, what SQL sees, how a statement is judged, planned and answered."""
