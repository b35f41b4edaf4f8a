"""Who vouched for what: confirmations that a bus has no other master, kept beside the store for good.

One JSON object a line, appended and synced: an accident is looked into long after the run has ended.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from iiotctl.events import Event

SLUG: Final = "sole-master-confirmed"
_FILE: Final = "confirmed.jsonl"


def keep(store: Path, run: str, event: Event) -> None:
    """Append a confirmation.

    Args:
        store: the store's folder.
        run: id of the run.
        event: of the kind `SLUG`, with its data.

    Raises:
        OSError: the disk does not take it.
    """
    path = store / "run" / _FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    row = {"at_us": event.at, "run": run, "source": event.source, **event.data}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
        file.flush()
        os.fsync(file.fileno())


def of_run(store: Path, run: str) -> list[dict[str, Any]]:
    """Confirmations of one run, oldest first; a torn line is none."""
    try:
        lines = (store / "run" / _FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("run") == run:
            found.append({key: value for key, value in row.items() if key != "run"})
    return found
