"""Write docs/reference/cli.md: the help of every command, as the program prints it at 80 columns."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

HEAD = """\
# Commands

What each command takes, as `--help` prints it. Exit codes are the same everywhere: see
[exit codes](exit-codes.md). Data goes to stdout, everything else to stderr; `--format json` and `jsonl` are
for programs.

This page is made from the program by `make gen`.
"""


def pages() -> dict[Path, str]:
    """The page with its text."""
    from iiotctl.cli._help import walk
    from iiotctl.cli.app import command_tree

    tree = command_tree()
    parts = [HEAD]
    for path, _ in walk(tree):
        name = " ".join(("iiotctl", *path))
        level = "##" if len(path) < 2 else "###"
        parts.append(f"{level} {name}\n\n```text\n{_help(tree, path)}\n```\n")
    return {ROOT / "docs" / "reference" / "cli.md": "\n".join(parts)}


def _help(tree: Any, path: tuple[str, ...]) -> str:
    os.environ["COLUMNS"] = "80"
    context = tree.make_context("iiotctl", [*path], resilient_parsing=True)
    for word in path:
        command = context.command.commands[word]
        context = command.make_context(word, [], parent=context, resilient_parsing=True)
    return str(context.get_help())


if __name__ == "__main__":
    from tools._pages import run

    sys.exit(run(pages()))
