"""`make bench`: run every `bench_*.py` of this folder, or those whose names hold one of the given words.

A bench is a module with a function `main() -> None` that prints its own table: figure, yardstick of the
same run, ratio. Machines are shared and noisy, so only ratios mean anything, and nothing is judged here.
"""

from __future__ import annotations

import importlib
import sys
import time
import traceback
from pathlib import Path


def names(words: list[str]) -> list[str]:
    """Modules to run, sorted."""
    found = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    return [name for name in found if not words or any(word in name for word in words)]


def run(words: list[str]) -> int:
    """Run them one after the other; 1 when one broke (not when one was slow)."""
    broken = 0
    for name in names(words):
        print(f"\n== {name.removeprefix('bench_')}", flush=True)
        start = time.monotonic()
        try:
            importlib.import_module(f"bench.{name}").main()
        except Exception:  # noqa: BLE001 - one broken bench must not hide the others
            traceback.print_exc(file=sys.stdout)
            broken += 1
        print(f"   ({time.monotonic() - start:.0f} s)", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
