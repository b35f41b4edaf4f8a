"""Run iiotctl as a user's shell does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from iiotctl.cli._help import walk
from iiotctl.cli.app import command_tree

OURS = re.compile(
    r"(error\[[a-z0-9-]+\]: .+|  (where|cause): .*| {9}.*|hint: .+|warning: .+|next: .+|\d+ problems|interrupted|terminated|)"
)
"""What a line on stderr may look like when a command fails."""


def iiotctl(
    *words: str | Path, cwd: Path | None = None, stdin: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """One command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "iiotctl", *map(str, words)],
        cwd=cwd,
        env={**os.environ, **env},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )


def commands() -> list[tuple[str, ...]]:
    """The words of every visible command, groups included, the root left out."""
    return [path for path, _ in walk(command_tree()) if path]


def leaves() -> list[tuple[str, ...]]:
    """The words of every command that does something."""
    return [path for path, command in walk(command_tree()) if path and not getattr(command, "commands", None)]


def assert_our_form(stderr: str, slug: str | None = None) -> None:
    """stderr holds one error in our form, of `slug` if given, and nothing of a library."""
    lines = stderr.splitlines()
    strange = [line for line in lines if not OURS.fullmatch(line)]
    assert not strange, stderr
    errors = [line for line in lines if line.startswith("error[")]
    assert len(errors) >= 1, stderr
    if slug is not None:
        assert errors[0].startswith(f"error[{slug}]: "), stderr
