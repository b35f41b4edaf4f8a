"""How complete the record of each tag is, as table rows and in a few words; of a capture and of a store alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from iiotctl.capture.summary import TagFigures
    from iiotctl.completeness import Completeness
    from iiotctl.history.completeness import TagRecord
    from iiotctl.reports.rows import Rows

_WORST: Final = 5
_FORMATS: Final = ("csv", "json", "jsonl", "parquet")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def place(output: Path | None, chosen: str) -> Path | None:
    """Where the table of all tags of a run goes; a format for programs asks for it too. Refused before the capture.

    Raises:
        UsageError: see `reports.target.check_place`.
    """
    if output is None and chosen != "table":
        output = Path("-")
    if output is not None:
        from iiotctl.reports import target

        target.check_place(output)
    return output


def write_run(tags: Sequence[TagFigures], output: Path, chosen: str, *, color: bool) -> None:
    """Write the table of all tags of a run, in the format that was chosen or that the file's name says."""
    from iiotctl import reports

    suffix = output.suffix.removeprefix(".").lower()
    format_ = suffix if chosen == "table" and suffix in _FORMATS else chosen
    reports.write(run_rows(tags), format_, output, color=color)


def causes(missing: Mapping[str, int]) -> str:
    """What is missing and why: `timeout 12.3 s, overflow 1.0 s`."""
    from iiotctl.cli._wording import lasting

    ordered = sorted(missing.items(), key=lambda item: -item[1])
    return ", ".join(f"{reason} {lasting(us / 1e6)}" for reason, us in ordered)


def run_rows(tags: Sequence[TagFigures]) -> Rows:
    """Every tag of a run, the least complete first."""
    from iiotctl.reports.rows import Column, Rows

    columns = [
        Column("tag"),
        Column("source"),
        Column("complete_percent", "float"),
        Column("captured", "float", "s"),
        Column("missing", "float", "s"),
        Column("samples", "integer"),
        Column("expected", "integer"),
        Column("reasons"),
    ]
    return Rows(
        columns,
        [
            (
                one.tag,
                one.source,
                one.completeness.percent,
                one.completeness.captured / 1e6,
                one.completeness.missing_us / 1e6,
                one.samples,
                one.expected,
                causes(one.completeness.missing),
            )
            for one in tags
        ],
    )


def store_rows(records: Sequence[TagRecord], *, brief: bool) -> Rows:
    """Every tag of a store, the least complete first; `brief` leaves out what only programs need."""
    from iiotctl.reports.rows import Column, Rows

    columns = [
        Column("tag"),
        Column("complete_percent", "float"),
        Column("missing", "float", "s"),
        Column("not_kept", "float", "s"),
        Column("samples", "integer"),
        Column("every", "float", "s"),
        Column("reasons"),
        Column("source"),
        Column("mode"),
        Column("captured", "float", "s"),
        Column("start", "timestamp"),
        Column("end", "timestamp"),
        Column("first", "timestamp"),
        Column("last", "timestamp"),
        Column("rollups", "integer"),
    ]
    has_rollups = any(record.rollups for record in records)
    # people need roll-ups only where there are some, beside the samples that they stand for
    shown = [0, 1, 2, 3, 4, *([14] if has_rollups else []), 5, 6] if brief else list(range(len(columns)))
    rows = []
    for record in records:
        whole = record.completeness
        row = (
            record.tag,
            whole.percent,
            whole.missing_us / 1e6,
            whole.not_kept / 1e6,
            record.samples,
            None if record.interval_s is None else round(record.interval_s, 3),
            causes(whole.missing),
            record.source,
            record.mode,
            whole.captured / 1e6,
            *(_moment(us) for us in (record.start, record.end, record.first, record.last)),
            record.rollups,
        )
        rows.append([row[place] for place in shown])
    return Rows([columns[place] for place in shown], rows)


def _moment(us: int | None) -> datetime | None:
    return None if us is None else _EPOCH + timedelta(microseconds=us)


def worst(tags: Iterable[tuple[str, str, Completeness]]) -> Iterator[str]:
    """The least complete tags in a few lines; tags of a source with the same holes are one line.

    Args:
        tags: (tag, source, completeness) each, the least complete first.
    """
    from iiotctl.site.units import format_count

    groups: dict[tuple[str, str], list[tuple[str, Completeness]]] = {}
    for tag, source, whole in tags:
        if whole.missing_us:
            groups.setdefault((source, f"{whole.percent} {causes(whole.missing)}"), []).append((tag, whole))
    for (source, _), members in list(groups.items())[:_WORST]:
        tag, whole = members[0]
        name = tag if len(members) == 1 else f"{format_count(len(members), 'tag')} of {source}"
        yield f"  {name}: {_percent(whole)}, missing: {causes(whole.missing)}"
    if len(groups) > _WORST:
        rest = sum(len(members) for members in list(groups.values())[_WORST:])
        yield f"  and {format_count(rest, 'tag')} less"


def overall(wholes: Sequence[Completeness]) -> str:
    """All tags in one line."""
    from iiotctl.completeness import total
    from iiotctl.site.units import format_count

    judged = [whole for whole in wholes if whole.share is not None]
    if not judged:
        return f"{format_count(len(wholes), 'tag')}, nothing was captured in this range"
    complete = sum(not whole.missing_us for whole in judged)
    return f"{complete} of {format_count(len(judged), 'tag')} complete; {_percent(total(judged))} of the tags' time"


def _percent(whole: Completeness) -> str:
    return f"{whole.percent:g} %"
