"""The public Python API: one function per command."""
