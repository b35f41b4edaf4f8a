"""`query --duckdb`: the store as a DuckDB file for other programs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from iiotctl import __version__
from iiotctl.events import Event
from iiotctl.history.sql import database
from iiotctl.history.sql.omission import Omissions
from iiotctl.history.sql.reader import Selection
from iiotctl.history.time import times
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime
from iiotctl.reports import target

FLAG = "--duckdb"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What file to make.

    Attributes:
        store: folder of the store.
        output: the file.
        copy: hold the rows themselves instead of views over the store's files.
        start: `--from` as typed; only samples from then on are in it.
        end: `--to` as typed; only samples before it are in it.
        zone: of `start` and `end` where they have no offset.
        force: replace the file.
        strict: fail afterwards when files had to be left out.
    """

    store: Path
    output: Path
    copy: bool = False
    start: str | None = None
    end: str | None = None
    zone: SiteTime = UTC_TIME
    force: bool = False
    strict: bool = False


def write(
    wanted: Wanted,
    notice: Callable[[Event], None],
    *,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> int:
    """Make the file, completely or not at all; returns how many unsealed samples are not in it.

    Args:
        wanted: what and where.
        notice: is told about files that had to be left out.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: a time is wrong; the file exists, cannot be written or would lie in the store.
        StoreError: no store; `store-incomplete` with `strict`.
        IncompleteError: `disk-full`.
    """
    now = now_us()
    asked = times.parse_range(wanted.start, wanted.end, now, zone=wanted.zone)
    selection = Selection(wanted.store, asked.start, asked.end)
    about = {
        "store": str(wanted.store),
        "holds": "rows" if wanted.copy else "views over the sealed files of the store",
        "written_at": _iso(now),
        "from": "" if asked.start is None else _iso(asked.start),
        "to": "" if asked.end is None else _iso(asked.end),
        "plant_time_zone": wanted.zone.name,
        "written_by": f"iiotctl {__version__}",
    }
    omissions = Omissions(notice)
    waiting = 0
    with target.staged(wanted.output, force=wanted.force, flag=FLAG) as stage:
        if wanted.copy:
            database.write_copy(selection, stage, omissions, about)
        else:
            waiting = database.write_views(selection, stage, omissions, about)
    omissions.end(wanted.store, strict=wanted.strict)
    return waiting


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
