"""From sources into the spool: gap ledger, deadband, recorder, control from another shell."""
