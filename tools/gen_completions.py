"""Write completions/ and the man page from the tree of commands; `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = {"bash": "iiotctl.bash", "zsh": "_iiotctl", "fish": "iiotctl.fish", "powershell": "iiotctl.ps1"}


def pages() -> dict[Path, str]:
    """Every generated file with its text."""
    from iiotctl.cli._shells import man_page, render
    from iiotctl.cli.app import command_tree
    from iiotctl.ops.explain import EXIT_CODES

    tree = command_tree()
    made = {ROOT / "completions" / name: render(shell, tree) for shell, name in FILES.items()}
    made[ROOT / "completions" / "iiotctl.1"] = man_page(tree, {int(code): text for code, text in EXIT_CODES.items()})
    return made


if __name__ == "__main__":
    from tools._pages import run

    sys.exit(run(pages()))
