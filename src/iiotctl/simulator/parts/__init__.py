"""The machines of the press line: each a frozen state and a pure step from one state to the next."""
