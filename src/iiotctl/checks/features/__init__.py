"""The feature table: what a check has to know of a tag's samples, minute by minute."""
