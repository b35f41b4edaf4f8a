"""Events: conditions over samples, what is found, stored and asked for by `--during`."""
