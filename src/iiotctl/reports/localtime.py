"""Rows as spreadsheets need them: instants as plant local time, the zone in the title, the offset in a column.

A spreadsheet knows dates without a zone only. The hour that passes twice on the last day of summer time would stand
there twice without a difference; so behind every time stands its offset from UTC in hours, as a number: the instant
is `time - offset / 24`. The column is there in every zone that changes its offset, whatever the range, so that a
macro written in summer finds the same columns in winter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final

from iiotctl.reports.as_json import keys
from iiotctl.reports.rows import Column, Rows

_HOUR: Final = timedelta(hours=1)


def spread(rows: Rows, zone: tzinfo) -> tuple[list[Column], list[str], Iterator[list[object]]]:
    """Columns, their titles, and rows in which no instant is left.

    Args:
        rows: the table.
        zone: of the plant.

    Returns:
        columns with the offsets among them; titles (`value [bar]`, `ts (Europe/Berlin)`); rows: instants as naive
        local datetimes, everything else as it was.
    """
    changes = zone.utcoffset(None) is None
    columns: list[Column] = []
    titles: list[str] = []
    timed: list[bool] = []
    for name, column in zip(keys(rows.columns), rows.columns, strict=True):
        instants = column.type == "timestamp" and column.zoned
        columns.append(column)
        titles.append(f"{name} ({zone_name(zone)})" if instants else _with_unit(name, column.unit))
        timed.append(instants and changes)
        if instants and changes:
            columns.append(Column(f"{column.name}_utc_offset", "float", "h"))
            titles.append(f"{name} UTC offset [h]")
    return columns, titles, (_local(row, timed, zone) for row in rows.rows)


def zone_name(zone: tzinfo) -> str:
    """`Europe/Berlin`, `UTC`, `UTC+01:00`."""
    return getattr(zone, "key", None) or str(zone)


def _with_unit(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name


def _local(row: Sequence[object], timed: Sequence[bool], zone: tzinfo) -> list[object]:
    cells: list[object] = []
    for value, with_offset in zip(row, timed, strict=True):
        offset = None
        if isinstance(value, datetime) and value.tzinfo is not None:
            moment = value.astimezone(zone)
            cells.append(moment.replace(tzinfo=None, fold=0))
            offset = (moment.utcoffset() or timedelta()) / _HOUR
        else:
            cells.append(value)
        if with_offset:
            cells.append(offset)
    return cells
