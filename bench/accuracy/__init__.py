"""How well the audit of sensors finds labelled faults: score and page."""
