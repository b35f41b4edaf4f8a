"""What is on disk: layout, schema, spool, seal, manifest, verify, lock. Capture writes it, history reads it; neither owns it."""
