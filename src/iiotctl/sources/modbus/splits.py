"""What devices taught us about requests they refuse, kept between runs: places where a request must begin.

One small JSON file per unit in the state folder. It is knowledge that can be learnt again, so a damaged
file is ignored; deleting it makes the next run try the merged requests again.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from iiotctl.site.address import Table

_SCHEMA: Final = "iiotctl.modbus-splits/v1"

Cuts = dict[Table, dict[int, int]]
"""Table -> address -> exception code."""


def path_of(state_dir: Path, bus: Sequence[str], unit: int) -> Path:
    """File of a unit; `bus` says where it is: host and port, or a serial port."""
    safe = "-".join(re.sub(r"[^A-Za-z0-9.-]", "_", part) for part in bus)
    return state_dir / f"modbus-splits-{safe}-{unit}.json"


def load(path: Path) -> Cuts:
    """What is remembered; nothing when there is no file or it makes no sense."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != _SCHEMA:
            return {}
        return {
            Table(table): {int(address): int(code) for address, code in cuts.items()}
            for table, cuts in data["cuts"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def save(path: Path, cuts: Mapping[Table, Mapping[int, int]]) -> None:
    """Remember; a state folder that cannot be written is not worth stopping a capture for.

    The rename keeps a reader from meeting half a file; nothing is synced, since it can be learnt again.
    """
    data = {
        "schema": _SCHEMA,
        "cuts": {str(table): {str(a): code for a, code in sorted(places.items())} for table, places in cuts.items()},
    }
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
