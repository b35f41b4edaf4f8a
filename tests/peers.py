"""Servers and tools of other codebases: a missing one is a visible skip on a laptop and a failure in CI."""

from __future__ import annotations

import os
import shutil

import pytest


def require(available: bool, peer: str, install: str) -> None:
    """Skip, or fail where `CI` is set, unless the peer is there."""
    if available:
        return
    message = f"{peer} is missing; install it with: {install}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def require_tool(name: str, install: str) -> str:
    """Path of an executable, or skip/fail as `require`."""
    path = shutil.which(name)
    require(path is not None, name, install)
    assert path is not None
    return path
