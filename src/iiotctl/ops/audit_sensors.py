"""`audit sensors`: facts and features of a store's tags, judged by every check. The public Python API of the audit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from iiotctl.events import Event
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime

if TYPE_CHECKING:
    from iiotctl.checks.result import AuditResult
    from iiotctl.site.model import Site


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to audit.

    Attributes:
        start, end: `--from` and `--to` as typed; None = the whole store, up to the clock.
        tags: names or patterns with `*`; () = all.
        select, ignore: ids of checks; () = all, none.
        baseline: file of a baseline; None = the newest approved one beside the store, else what the first two days teach.
        exceptions: exceptions file; None = the one that the site file names, if any.
        calibrations: calibration records; None = those that the site file names, if any.
        remember: keep first-seen times in the store (needs write access; where there is none the result says so).
        zone: of `start` and `end` where they have no offset.
    """

    start: str | None = None
    end: str | None = None
    tags: Sequence[str] = ()
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    baseline: Path | None = None
    exceptions: Path | None = None
    calibrations: Path | None = None
    remember: bool = True
    zone: SiteTime = UTC_TIME


def audit_sensors(
    store: Path,
    wanted: Wanted,
    notice: Callable[[Event], None] = lambda event: None,  # noqa: ARG005 - the shape of a notice
    *,
    site: Site | None = None,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> AuditResult:
    """Judge the tags of a store.

    Args:
        store: folder of the store.
        wanted: range, tags, checks, baseline, exceptions.
        notice: is told about files that had to be left out, and of progress.
        site: the site file, where there is one: states, exceptions, and facts of tags that the store does not know.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: `bad-time`, `empty-range`, `unknown-check`, `bad-exceptions`.
        PluginError: a check of another package cannot be loaded.
        IncompleteError: no tag matches.
        StoreError: no store; a damaged baseline file.
    """
    raise NotImplementedError
