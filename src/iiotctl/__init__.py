"""iiotctl: capture, query and audit plant data without silent loss.

The public Python API lives in :mod:`iiotctl.ops`: one function per command. This module
imports nothing, so that ``import iiotctl`` and ``iiotctl --help`` stay light.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
