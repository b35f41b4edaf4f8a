"""What every generator does with its pages: write them, or with `--check` say which are stale."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path


def run(pages: Mapping[Path, str]) -> int:
    """Write the pages (or compare, with `--check` on the command line); the exit code."""
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"stale: {path.name}; run `make gen`")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path], encoding="utf-8")
        print(f"wrote {path.name}")
    return 0
