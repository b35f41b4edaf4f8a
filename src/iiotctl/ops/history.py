"""What every verb of the history begins with: which store, and which clock the user's times are meant by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from iiotctl.events import Event, Level
from iiotctl.history.time import sitetime
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime
from iiotctl.ops.site import open_store
from iiotctl.site.locate import find_site, written


def opened(
    site_flag: Path | None,
    store_flag: Path | None,
    timezone: str | None = None,
    notice: Callable[[Event], None] = lambda event: None,  # noqa: ARG005 - the shape of a notice
    *,
    cwd: Path | None = None,
) -> tuple[Path, SiteTime]:
    """The store, and the time zone and shifts of times without offset.

    The zone is `--timezone`; else that of the site file which holds here, also beside `--store`; else UTC. A site file
    that is wrong keeps nobody from a store they named: what can be read of its `[site]` counts.

    Args:
        site_flag: `--site`.
        store_flag: `--store`.
        timezone: `--timezone`.
        notice: is told when the site file's zone or shifts make no sense.
        cwd: working directory; the process's own when None.

    Raises:
        SiteError: the site file is wrong and the store was not named; or a file that is not there was named.
        UsageError: `bad-value`, no such time zone.
    """
    root = open_store(site_flag, store_flag, cwd=cwd)
    path = find_site(site_flag, cwd or Path.cwd())
    return root, clock({} if path is None else written(path, "site"), timezone, notice)


def clock(
    said: dict[str, Any],
    timezone: str | None = None,
    notice: Callable[[Event], None] = lambda event: None,  # noqa: ARG005 - the shape of a notice
) -> SiteTime:
    """The site's time by `[site]` of its file, which may be wrong, and by `--timezone`.

    Raises:
        UsageError: `bad-value`, no such time zone.
    """
    shifts = said.get("shifts", [])
    try:
        times = sitetime.shifts_of(shifts)
    except (TypeError, ValueError):
        times = ()
        notice(Event(Level.WARNING, "bad-shifts", "`shifts` of the site file cannot be read: none are known"))
    if timezone is not None:
        return sitetime.named(timezone, times)
    name = said.get("timezone", UTC_TIME.name)
    if isinstance(name, str) and sitetime.is_zone(name):
        return SiteTime(name, times)
    notice(Event(Level.WARNING, "unknown-timezone", f"`{name}` of the site file is no time zone: times are UTC"))
    return SiteTime(UTC_TIME.name, times)
