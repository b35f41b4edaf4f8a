"""What `import` says: what was recognised, what was refused, what was stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from iiotctl.cli import _wording

if TYPE_CHECKING:
    from iiotctl.imports.figures import FileReport
    from iiotctl.reports.rows import Rows

_MOST_NAMES = 8
_FEW_NAMES = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def facts(report: FileReport, *, dry_run: bool) -> Iterator[str]:
    """What the file was taken for, a line each; the table of a preview shows all names beside it."""
    yield f"{report.path}"
    width = max(len(name) for name, _ in report.facts)
    for name, text in report.facts:
        yield f"  {name:<{width}}  {text}"
    if report.first is not None and report.last is not None:
        yield f"  {'from':<{width}}  {_wording.moment(report.first)} to {_wording.moment(report.last)}"
    shown = report.changed[:_MOST_NAMES] if dry_run else report.changed
    for change in shown:
        yield f"  {'renamed':<{width}}  {_renamed(change)}"
    if len(report.changed) > len(shown):
        yield f"  {'renamed':<{width}}  and {len(report.changed) - len(shown)} more; the table shows all"


def changes(report: FileReport) -> Iterator[str]:
    """What an import made of names and columns, in short."""
    from iiotctl.site.units import format_count

    name = report.path.name
    if report.changed:
        some = ", ".join(_renamed(change) for change in report.changed[:_FEW_NAMES])
        more = ", …; `-v` shows all" if len(report.changed) > _FEW_NAMES else ""
        yield f"{name}: {format_count(len(report.changed), 'tag')} renamed: {some}{more}"
    for what, text in report.facts:
        if what == "columns not used":
            yield f"{name}: {what}: {text}"


def _renamed(change: tuple[str, str]) -> str:
    old, new = change
    return f"`{old}` -> " + (f"`{new}`" if new else "left out or refused")


def unmatched(reports: Sequence[FileReport], map_name: str) -> Iterator[str]:
    """Entries of the map that no file knows."""
    names = [name for name in reports[0].unmatched if all(name in one.unmatched for one in reports)]
    if names:
        some = ", ".join(f"`{name}`" for name in names[:_MOST_NAMES]) + (" …" if len(names) > _MOST_NAMES else "")
        entries = "1 entry" if len(names) == 1 else f"{len(names)} entries"
        yield f"{entries} of `{map_name}` match{'es' if len(names) == 1 else ''} no tag: {some}"


def warnings(report: FileReport) -> Iterator[str]:
    """What a person should decide on."""
    from iiotctl.site.units import format_count

    if report.assumed_zone:
        yield (
            f"{report.path.name}: the times say no zone and were read as {report.assumed_zone}; "
            "is it local time? `--timezone Europe/Berlin`"
        )
    for doubt in report.doubts:
        yield f"{report.path.name}: {doubt}"
    if report.ahead:
        yield f"{report.path.name}: {format_count(report.ahead, 'row')} ahead of this machine's clock"


def refusals(report: FileReport) -> Iterator[str]:
    """Refused rows by reason, with the first few of each."""
    from iiotctl.site.units import format_count

    for reason, count in report.refused.items():
        shown = [one for one in report.examples if one.reason == reason]
        cause = shown[0].cause if shown else reason
        yield f"refused: {format_count(count, 'row')} ({reason}): {cause}"
        for one in shown:
            yield f"  line {one.line}: {one.content[:100]}"
    if report.expired:
        yield f"expired: {expired(report.expired)}"
    if report.conflicts:
        fate = "stored beside it" if report.conflicts_stored else "not stored; `--conflicts store` stores them"
        yield f"conflicts: {format_count(report.conflicts, 'row')} with another value than one of the same tag and time: {fate}"
        for line, tag, ts, value in report.disputes:
            place = f"line {line}: " if line else ""
            yield f"  {place}{tag} at {_wording.moment(ts)}: {value[:60]}"


def expired(count: int) -> str:
    """Why rows were left out that retention has let go of once."""
    from iiotctl.site.units import format_count

    verb = "belongs" if count == 1 else "belong"
    return f"{format_count(count, 'row')} {verb} to dates that have expired (roll-ups stand for them); not stored"


def totals(report: FileReport, *, dry_run: bool) -> str:
    """The line that ends a file."""
    from iiotctl.site.units import format_count

    parts = [f"{format_count(report.rows, 'row')} read"]
    if dry_run:
        parts.append(f"{report.usable} can be stored")
    elif report.already and not (report.stored or report.refused_total or report.conflicts or report.expired):
        parts.append("nothing new: all of them are in the store")
    else:
        parts += [f"{report.stored} stored", f"{report.already} already there"]
        if report.conflicts:
            parts.append(f"{report.conflicts} in conflict")
        if report.expired:
            parts.append(f"{report.expired} expired")
    parts.append(f"{report.refused_total} refused")
    if report.left_out:
        parts.append(f"{report.left_out} left out by the map")
    return f"{report.path.name}: {', '.join(parts)}; {format_count(len(report.tags), 'tag')}"


def _time(ts_us: int | None) -> datetime | None:
    return None if ts_us is None else _EPOCH + timedelta(microseconds=ts_us)


def tag_rows(found: Sequence[FileReport], *, people: bool) -> Rows:
    """A row a tag, for the preview; people get no times a tag, and columns only where they say something."""
    from iiotctl.reports.rows import Column, Rows

    columns = [
        *(Column("file"), Column("tag"), Column("rows", "integer")),
        *(Column("first", "timestamp"), Column("last", "timestamp")),
        *(Column("low", "float"), Column("high", "float"), Column("unit")),
        *(Column("good", "integer"), Column("uncertain", "integer"), Column("bad", "integer")),
        *(Column("texts", "integer"), Column("in_file")),
    ]
    rows: list[tuple[object, ...]] = [
        (
            *(report.path.name, tag.name, tag.rows, _time(tag.first), _time(tag.last), tag.low, tag.high),
            *(tag.unit or None, tag.good, tag.uncertain, tag.bad, tag.texts, tag.original),
        )
        for report in found
        for tag in report.tags
    ]
    if not people:
        return Rows(columns, rows)
    tags = [tag for report in found for tag in report.tags]
    telling = {
        "file": len(found) > 1,
        "first": False,
        "last": False,
        "unit": any(tag.unit for tag in tags),
        "uncertain": any(tag.uncertain for tag in tags),
        "bad": any(tag.bad for tag in tags),
        "texts": any(tag.texts for tag in tags),
        "in_file": any(tag.original != tag.name for tag in tags),
    }
    shown = [place for place, column in enumerate(columns) if telling.get(column.name, True)]
    return Rows([columns[place] for place in shown], [tuple(row[place] for place in shown) for row in rows])


def file_rows(found: Sequence[FileReport], *, people: bool) -> Rows:
    """A row a file, for programs."""
    from iiotctl.reports.rows import Column, Rows

    names = ("read", "stored", "already", "expired", "conflicts", "conflicts_stored", "refused", "left_out", "tags")
    columns = [Column("file"), *(Column(name, "integer") for name in names)]
    columns += [] if people else [Column("first", "timestamp"), Column("last", "timestamp")]
    rows = [
        (
            *(str(one.path), one.rows, one.stored, one.already, one.expired, one.conflicts, one.conflicts_stored),
            *(one.refused_total, one.left_out, len(one.tags)),
            *(() if people else (_time(one.first), _time(one.last))),
        )
        for one in found
    ]
    return Rows(columns, rows)
