"""Labelled weeks: two families of plants at one sample a second, and thirteen kinds of fault put into their sensors."""
