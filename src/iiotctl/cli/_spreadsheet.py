"""What verbs tell a workbook, and CSV for Excel: the plant's zone, the country, and where the rows are from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from iiotctl.cli import _console

if TYPE_CHECKING:
    from iiotctl.history.time.sitetime import SiteTime
    from iiotctl.reports import Sheet


def sheet(excel: str | None, zone: SiteTime, store: Path, *facts: tuple[str, str]) -> Sheet:
    """What spreadsheets of a verb need to know.

    Args:
        excel: `--excel`.
        zone: in which times are shown.
        store: where the rows are from.
        facts: what else the sheet `About` says.
    """
    from datetime import UTC, datetime

    from iiotctl.reports import Sheet

    written = datetime.now(UTC).astimezone(zone.tz).isoformat(sep=" ", timespec="seconds")
    command = shlex.join(("iiotctl", *_console.settings.words))
    return Sheet(zone.tz, excel, (("Command", command), ("Store", str(store)), *facts, ("Written at", written)))
