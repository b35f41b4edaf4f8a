"""Where samples come from. One folder per protocol; `base` is the contract, `registry` finds them."""
