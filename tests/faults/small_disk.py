"""A capture on a disk of its own that is small and can be filled: run inside `unshare --map-root-user --mount`.

    python -m tests.faults.small_disk STORE KEPT BYTES -- COMMAND…

mounts a tmpfs of BYTES on STORE, starts COMMAND, and obeys one word a line: `fill`, `free`, `end` (SIGINT, then the
store is copied to KEPT). The mount is seen by nobody else and goes away with the process.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path


def fill(place: Path) -> None:
    """Take every byte that is free."""
    with contextlib.suppress(OSError), place.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass


def main() -> int:
    """See the module's docstring."""
    store, kept, size = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    store.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(store)], check=True)
    filler = store / "filler"
    process = subprocess.Popen(sys.argv[sys.argv.index("--") + 1 :], stdin=subprocess.DEVNULL)
    print(f"pid {process.pid}", flush=True)
    for line in sys.stdin:
        if line == "fill\n":
            fill(filler)
        elif line == "free\n":
            filler.unlink(missing_ok=True)
        elif line == "end\n":
            process.send_signal(signal.SIGINT)
            break
        print("done", flush=True)
    code = process.wait(60)
    filler.unlink(missing_ok=True)
    shutil.copytree(store, kept)
    print("kept", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
