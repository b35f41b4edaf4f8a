"""Tag lists as engineering tools export them (TIA Portal, CODESYS, Kepware, Ignition), as rows of our own list.

Each file here reads one tool's format; `collect.py` is what they fill. What cannot be mapped is left out with its
reason, never silently.
"""
