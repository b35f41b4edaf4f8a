"""The folder of samples as an operation: status, seal, verify. None of them needs a site file."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from iiotctl.errors import IiotctlError
from iiotctl.ops.site import open_settings, open_store

if TYPE_CHECKING:
    from iiotctl.store.status import StoreStatus
    from iiotctl.store.verify import Verification


@dataclass(frozen=True, slots=True)
class Sealed:
    """What `seal` did.

    Attributes:
        store: the store.
        segments: names of the segments that became Parquet; empty when a capture did it.
        by_capture: answer of the running capture that sealed instead, or "".
    """

    store: Path
    segments: tuple[str, ...]
    by_capture: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The store and how long it can go on.

    Attributes:
        store: size and shape.
        reserve: bytes that capture leaves free.
        days_until_full: days until capture has to stop at today's growth; None when growth is not known yet.
    """

    store: StoreStatus
    reserve: int
    days_until_full: float | None


def store_status(site: Path | None = None, store: Path | None = None) -> Outlook:
    """Size and shape of the store.

    Raises:
        StoreError: no store there, or one of a newer version.
    """
    from iiotctl.capture.disk import required
    from iiotctl.store.status import status

    found = status(open_store(site, store))
    try:
        min_free = open_settings(site).settings.capture.min_free
    except IiotctlError:  # of a site file that is wrong; the store can be looked at all the same
        min_free = None
    reserve = required(min_free, shutil.disk_usage(found.path).total)
    days = None if found.growth is None else found.growth.days_until(found.free - reserve)
    return Outlook(found, reserve, days)


def verify_store(site: Path | None = None, store: Path | None = None) -> tuple[Path, Verification]:
    """Check every file; returns the store's path and what was found.

    Raises:
        StoreError: no store there, or one of a newer version.
    """
    from iiotctl.store.verify import verify

    root = open_store(site, store)
    return root, verify(root)


def seal_store(site: Path | None = None, store: Path | None = None) -> Sealed:
    """Turn what is in the spool into Parquet now; a running capture is asked to do it.

    Raises:
        StoreError: no store there, or the disk refused.
    """
    from iiotctl.capture import control
    from iiotctl.store.layout import Layout
    from iiotctl.store.lock import is_held
    from iiotctl.store.writer import StoreWriter, check_store

    root = open_store(site, store)
    layout = Layout(root)
    check_store(layout)
    if is_held(layout.lock):
        answer = control.ask(root, control.Action.SEAL)
        return Sealed(root, (), answer.message)
    writer = StoreWriter.open(root, now_us=lambda: time.time_ns() // 1000)
    try:
        writer.seal()  # what the recovery at open could not do is an error here
    finally:
        writer.close(ended=False)
    return Sealed(root, writer.recovered.resealed)
