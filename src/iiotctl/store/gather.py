"""Many manifests become one that is quick to read.

The new log stands for the old ones from the moment of its rename, because it names them; only then they are deleted, in
any order. Files that are gone on purpose are in none of them any more. Logs that a process may still append to stay as
they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from iiotctl.store import frames, ledger
from iiotctl.store.durable import Disk, write_file
from iiotctl.store.layout import (
    IMPORT_LOG,
    LOCK_NAME,
    TMP_SUFFIX,
    UPKEEP_LOG,
    Layout,
    is_capture_log,
    is_gathered,
)
from iiotctl.store.ledger import FileRange, Removal
from iiotctl.store.lock import is_held, noted
from iiotctl.store.manifest import SealedFile, continuation_of, run_of

_WHOLE: Final = tuple(each.name for each in fields(SealedFile))


def gather(disk: Disk, layout: Layout, run: str) -> int:
    """Gather the logs of processes that have ended.

    Args:
        disk: where.
        layout: of the store; the caller holds its `upkeep` lock and appends to no log any more.
        run: of the caller; it names the new log.

    Returns:
        How many logs became one; 0 when there was nothing to gain.

    Raises:
        OSError: the disk refused; every log is as it was, or a new one stands for those that are left.
    """
    logs = sorted(layout.manifest.glob("*.log")) if layout.manifest.is_dir() else []
    done = _finished(layout, logs)
    if not done:
        return 0
    content = ledger.content(layout, [log.name for log in done])
    others = ledger.content(layout, [log.name for log in logs if log not in done])
    for folder in {(layout.root / path).parent for path in content.removed}:
        if folder.is_dir():
            disk.sync_dir(folder)  # what is gone stays gone
    removed = {
        path: removal
        for path, removal in content.removed.items()
        if path in others.entries or (layout.root / path).exists()
    }
    if len(done) == 1 and is_gathered(done[0]) and removed == content.removed:
        return 0
    stays = [entry for entries in content.entries.values() for entry in entries if entry.path not in content.removed]
    target = layout.gathered_log(run)
    data = _packed([log.name for log in done], stays, removed)
    write_file(disk, target, data, target.with_suffix(TMP_SUFFIX))
    for log in done:
        if log != target:
            disk.unlink(log)
    return len(done)


def _packed(instead_of: Iterable[str], entries: list[SealedFile], removed: dict[str, Removal]) -> bytes:
    whole = {name: [getattr(entry, name) for entry in entries] for name in _WHOLE}
    quick = {name: whole["kind" if name == "table" else name] for name in ("path", *FileRange._fields)}
    parts: list[tuple[frames.Kind, Any]] = [
        (frames.Kind.INSTEAD, list(instead_of)),
        (frames.Kind.GATHERED, {"files": quick, "removed": removed}),
        (frames.Kind.HASHES, whole),
    ]
    return b"".join(frames.pack(kind, json.dumps(part, separators=(",", ":")).encode()) for kind, part in parts)


def _finished(layout: Layout, logs: list[Path]) -> list[Path]:
    """Logs that nobody appends to any more. They were listed before we look at the locks: whoever takes one now begins
    a log of another name.
    """
    captures = [log for log in logs if is_capture_log(log)]
    imports = [log for log in logs if log.name.startswith(IMPORT_LOG)]
    damaged = {log for log, _, _ in ledger.torn(layout)}  # what is left of it is not to be lost as well
    others = [log for log in logs if log not in damaged and (log.name.startswith(UPKEEP_LOG) or is_gathered(log))]
    # The newest capture's log tells a later one that there was one.
    newest = run_of(captures[-1]) if captures else ""
    of_captures = _without_live(captures, layout.lock, run_of)
    of_imports = _without_live(imports, layout.imports / LOCK_NAME, lambda log: run_of(log).removeprefix(IMPORT_LOG))
    return [
        *others,
        *of_imports,
        *(log for log in of_captures if run_of(log) != newest or _has_continuation(log, captures)),
    ]


def _without_live(logs: list[Path], lock: Path, run: Callable[[Path], str]) -> list[Path]:
    live = noted(lock) if is_held(lock) else None
    if live is None:
        return logs
    return [log for log in logs if (live and run(log) != live) or _has_continuation(log, logs)]


def _has_continuation(log: Path, logs: list[Path]) -> bool:
    """A process never goes back to an earlier log."""
    return any(run_of(other) == run_of(log) and continuation_of(other) > continuation_of(log) for other in logs)
