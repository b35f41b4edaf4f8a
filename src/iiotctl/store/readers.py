"""The lock that readers share, so that whoever deletes a replaced file knows when nobody can want it any more.

A reader takes it before it looks at the store and lets go when it is done. What was replaced before a moment without any
reader is wanted by none: later ones see the replacement. A reader that cannot lock (a share, a read-only store
whose lock file is missing, Windows) goes on without, and is protected by time alone (`upkeep`).
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import Final

from iiotctl.store.layout import Layout

_TRIES: Final = 10
_PAUSE_S: Final = 0.01


class Shared:
    """One reader's share; ends with `release`, or with the process."""

    def __init__(self, layout: Layout) -> None:
        self._descriptor = _take(layout, exclusive=False)

    def release(self) -> None:
        """Let go; harmless when not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def prepare(layout: Layout) -> None:
    """Make the lock file, so that readers who may not write find it."""
    with suppress(OSError):
        os.close(os.open(layout.readers, os.O_CREAT | os.O_RDWR, 0o644))


def nobody_reads(layout: Layout) -> bool:
    """Whether there is a moment without readers; False when that cannot be known."""
    if not layout.readers.exists():
        prepare(layout)  # a reader of just now may have found none and have gone on without
        return False
    descriptor = _take(layout, exclusive=True)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def _take(layout: Layout, *, exclusive: bool) -> int | None:
    try:
        descriptor = os.open(layout.readers, os.O_RDWR if exclusive else os.O_RDONLY)
    except OSError:
        return None
    # Whoever asks whether somebody reads holds the lock for an instant.
    for _ in range(_TRIES):
        if _lock(descriptor, exclusive=exclusive):
            return descriptor
        time.sleep(_PAUSE_S)
    os.close(descriptor)
    return None


if sys.platform == "win32":

    def _lock(descriptor: int, *, exclusive: bool) -> bool:
        del descriptor, exclusive
        return False  # no shared locks there; an open file cannot be deleted anyway

else:
    import fcntl

    def _lock(descriptor: int, *, exclusive: bool) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
