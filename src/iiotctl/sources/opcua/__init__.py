"""OPC UA: session, security, subscription and polled read."""
