"""`store push`: sealed files to a folder or share that any reader can use."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from iiotctl.errors import UsageError
from iiotctl.ops.site import open_store
from iiotctl.store.push import Pushed, push
from iiotctl.store.status import status


@dataclass(frozen=True, slots=True)
class Push:
    """What `push` did.

    Attributes:
        store: where from.
        target: where to.
        result: files and bytes.
        unsealed: samples that wait in the spool and are not at the target.
    """

    store: Path
    target: Path
    result: Pushed
    unsealed: int


def push_store(target: str, *, site: Path | None = None, store: Path | None = None, dry_run: bool = False) -> Push:
    """Copy to a folder what it has not yet.

    Raises:
        UsageError: `bad-value`, the target is no folder's path.
        StoreError: see `store.push`.
    """
    if "://" in target or not target.strip():
        raise UsageError(
            "bad-value",
            f"`{target}` is no folder",
            cause="`store push` copies to folders and mounted shares",
            hint="mount it first, e.g. with `rclone mount` or in /etc/fstab, and name the folder",
        )
    root = open_store(site, store)
    where = Path(target).expanduser().absolute()
    result = push(root, where, now_us=lambda: time.time_ns() // 1000, dry_run=dry_run)
    return Push(root, where, result, status(root).unsealed_rows)
