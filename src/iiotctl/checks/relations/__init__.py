"""Which tags tell what another one should show, learnt from the learning period, and what they say of it later. Pure."""
