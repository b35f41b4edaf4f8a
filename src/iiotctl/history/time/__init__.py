"""Times, spans, intervals and shifts, as engineers type them and as the clock on the wall of the plant has them."""
