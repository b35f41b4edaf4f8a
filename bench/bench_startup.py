"""How much `iiotctl --help` loads, beside the interpreter alone and beside polars."""

from __future__ import annotations

import subprocess
import sys
import time

CASES = {
    "python alone (yardstick)": "pass",
    "iiotctl --help": "from iiotctl.cli import app; app.run(['--help'])",
    "iiotctl explain bug": "from iiotctl.cli import app; app.run(['explain', 'bug'])",
    "import polars": "import polars",
}


def main() -> None:
    """Print modules (exact) and time as a multiple of the bare interpreter (best of 5)."""
    yardstick = 0.0
    print(f"{'':28}{'modules':>8}{'time':>8}")
    for name, code in CASES.items():
        best, modules = float("inf"), "0"
        for _ in range(5):
            start = time.perf_counter()
            count = "\nimport sys; print(len(sys.modules), file=sys.stderr)"
            done = subprocess.run([sys.executable, "-c", code + count], capture_output=True, text=True, check=True)
            best, modules = min(best, time.perf_counter() - start), done.stderr.split()[-1]
        yardstick = yardstick or best
        print(f"{name:28}{modules:>8}{best / yardstick:>7.1f}x")


if __name__ == "__main__":
    main()
