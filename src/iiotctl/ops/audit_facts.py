"""What store and site file say of tags before anybody looks at their samples: facts, gaps, order of times."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.tagdata import Disorder, Hole, TagInfo
from iiotctl.errors import IncompleteError
from iiotctl.events import Event
from iiotctl.history import names, tagfacts
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.store.schema import REMOVED

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.tagfacts import TagFacts
    from iiotctl.site.model import Site, Tag

_LIMITS: Final = ("low_low", "low", "high", "high_high")
_MORE: Final = ("tag", "asset", "source", "deadband", "heartbeat", "criticality", "twin", "siblings", "unit")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the tags of a store.

    Attributes:
        infos: by tag, names ascending.
        removed: tags that are captured no more.
        holes: gaps of a tag and of its source, by tag.
        disorder: by tag.
        enums: texts of values, by tag.
    """

    infos: Mapping[str, TagInfo]
    removed: frozenset[str]
    holes: Mapping[str, Sequence[Hole]] = field(default_factory=dict)
    disorder: Mapping[str, Sequence[Disorder]] = field(default_factory=dict)
    enums: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def known(
    root: Path, notice: Callable[[Event], None], *, start: int | None, end: int | None, site: Site | None
) -> Known:
    """All tags of a store.

    Args:
        root: folder of the store.
        notice: is told about files that had to be left out.
        start, end: µs UTC; gaps and disorder that touch [start, end) are kept.
        site: what it says of a tag counts more than what the store says, but for the unit of the stored values.

    Raises:
        StoreError: no store.
    """
    with Reader(Selection(root), notice, only=("samples", "tags_history", "gaps", "disorder")) as reader:
        return reader.ask(lambda connection: _known(connection, start, end, site))


def chosen(known: Known, patterns: Sequence[str], store: Path) -> list[str]:
    """The tags to judge, relatives together; those that are captured no more only by name.

    Args:
        known: of the store.
        patterns: names or patterns; none = all.
        store: named in the error.

    Raises:
        IncompleteError: `no-tags`.
    """
    tags: set[str] = set()
    for pattern in patterns or ["*"]:
        matches = names.matcher([pattern])
        found = {tag for tag in known.infos if tag == pattern or (tag not in known.removed and matches(tag))}
        if not found:
            raise IncompleteError(
                "no-tags",
                f"no tag matches `{pattern}`",
                where=str(store),
                hint=names.near(pattern, known.infos) or "`iiotctl last` lists all tags of the store",
            )
        tags |= found
    return sorted(tags, key=lambda tag: (known.infos[tag].asset, tag))


def _known(connection: duckdb.DuckDBPyConnection, start: int | None, end: int | None, site: Site | None) -> Known:
    facts = tagfacts.known(connection)
    rows = connection.execute(
        "SELECT epoch_us(valid_from), tag, asset, source, deadband, heartbeat, criticality, twin, siblings, unit"
        " FROM tags_history WHERE tag IS NOT NULL ORDER BY tag, valid_from NULLS FIRST, config_hash DESC NULLS FIRST"
    ).fetchall()
    history: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        history.setdefault(row[1], []).append(row)
    infos = {tag: _info(facts[tag], history.get(tag, []), end) for tag in sorted(facts)}
    enums = {tag: {str(k): text for k, text in of.enum.items()} for tag, of in facts.items() if of.enum}
    for tag in site.tags if site is not None else ():
        if tag.name in infos:
            infos[tag.name] = _declared(infos[tag.name], tag)
            enums |= {tag.name: tag.enum} if tag.enum else {}
    return Known(
        infos,
        frozenset(tag for tag, of in facts.items() if of.mode == REMOVED),
        _holes(connection, infos, start, end),
        _disorder(connection, start, end),
        enums,
    )


def _info(facts: TagFacts, history: Sequence[tuple[Any, ...]], end: int | None) -> TagInfo:
    more: dict[str, Any] = dict(zip(_MORE, history[-1][1:], strict=True)) if history else {}
    siblings = json.loads(more["siblings"]) if more.get("siblings") else ()
    return TagInfo(
        tag=facts.tag,
        asset=more.get("asset") or "",
        source=more.get("source") or "",
        unit=facts.unit,
        kind=facts.kind,
        description=facts.description,
        type=facts.type,
        stepped=facts.stepped,
        text=facts.type.lower().startswith("string"),
        mode=facts.mode,
        period=facts.period,
        deadband=more.get("deadband"),
        heartbeat=more.get("heartbeat"),
        span=facts.span,
        limits={name: value for name in _LIMITS if (value := getattr(facts, name)) is not None},
        rollover=facts.rollover,
        twin=more.get("twin") or "",
        siblings=tuple(siblings),
        criticality=more.get("criticality") or "medium",
        units_seen=_units(history, end),
    )


def _units(history: Sequence[tuple[Any, ...]], end: int | None) -> tuple[tuple[int, str], ...]:
    """Each unit in turn with the time from when on; what was said behind the range does not count."""
    found: list[tuple[int, str]] = []
    for row in history:
        at, unit = row[0] or 0, row[-1] or ""
        if unit and (end is None or at < end) and (not found or found[-1][1] != unit):
            found.append((at, unit))
    return tuple(found)


def _declared(info: TagInfo, tag: Tag) -> TagInfo:
    """With what the site file says."""
    said: dict[str, Any] = {
        "asset": tag.asset,
        "kind": tag.kind,
        "description": tag.description,
        "unit": info.unit or tag.unit,
        "stepped": tag.stepped,
        "period": tag.period,
        "deadband": tag.deadband_absolute,
        "span": tag.span,
        "limits": tag.limits and {name: value for name in _LIMITS if (value := getattr(tag.limits, name)) is not None},
        "rollover": tag.rollover,
        "twin": tag.twin,
        "siblings": tag.siblings,
        "criticality": tag.criticality,
    }
    return replace(info, **{name: value for name, value in said.items() if value not in (None, "", ())})


def _holes(
    connection: duckdb.DuckDBPyConnection, infos: Mapping[str, TagInfo], start: int | None, end: int | None
) -> dict[str, list[Hole]]:
    rows = connection.execute(
        'SELECT source, tag, epoch_us(start), epoch_us("end"), reason FROM gaps WHERE filled_by IS NULL ORDER BY start'
    ).fetchall()
    of_source: dict[str, list[str]] = {}
    for info in infos.values():
        of_source.setdefault(info.source, []).append(info.tag)
    found: dict[str, list[Hole]] = {}
    for source, tag, first, last, reason in rows:
        if (end is not None and first >= end) or (start is not None and last is not None and last < start):
            continue
        for name in [tag] if tag is not None else of_source.get(source, []):
            found.setdefault(name, []).append(Hole(first, last, reason))
    return found


def _disorder(connection: duckdb.DuckDBPyConnection, start: int | None, end: int | None) -> dict[str, list[Disorder]]:
    rows = connection.execute(
        'SELECT tag, epoch_us(start), epoch_us("end"), kind, rows, step FROM disorder ORDER BY tag, start, kind'
    ).fetchall()
    found: dict[str, list[Disorder]] = {}
    for tag, first, last, kind, count, step in rows:
        if (end is None or first < end) and (start is None or last >= start):
            found.setdefault(tag, []).append(Disorder(first, last, kind, count, step or 0.0))
    return found
