"""What store and site file say of tags before anybody looks at their samples: facts, gaps, order of times."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.tagdata import Calibration, Disorder, Hole, TagInfo
from iiotctl.errors import IncompleteError
from iiotctl.events import Event
from iiotctl.history import names
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.toldrows import VIEWS, Told, told
from iiotctl.store.schema import REMOVED

if TYPE_CHECKING:
    from iiotctl.history.tagfacts import TagFacts
    from iiotctl.site.model import Site, Tag

_LIMITS: Final = ("low_low", "low", "high", "high_high")


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
    with Reader(Selection(root), notice, only=VIEWS) as reader:
        found = reader.ask(told)
    infos = {tag: _info(found.facts[tag], found.history.get(tag, []), end) for tag in sorted(found.facts)}
    enums = {tag: {str(k): text for k, text in of.enum.items()} for tag, of in found.facts.items() if of.enum}
    for tag in site.tags if site is not None else ():
        if tag.name in infos:
            infos[tag.name] = _declared(infos[tag.name], tag)
            enums |= {tag.name: tag.enum} if tag.enum else {}
    removed = frozenset(tag for tag, of in found.facts.items() if of.mode == REMOVED)
    return Known(infos, removed, _holes(found, infos, start, end), _disorder(found, start, end), enums)


def calibrated(known: Known, records: Mapping[str, tuple[Calibration, ...]]) -> tuple[Known, list[str]]:
    """With the calibrations of each tag, and a warning of those whose tag there is not: a name mistyped."""
    infos = {tag: replace(info, calibrations=records.get(tag, ())) for tag, info in known.infos.items()}
    strange = sorted(set(records) - set(infos))
    if not strange:
        return replace(known, infos=infos), []
    first = records[strange[0]][0]
    near = names.near(strange[0], infos)
    more = f" and of {len(strange) - 1} more" if len(strange) > 1 else ""
    warning = f"{first.where}: calibrations of `{strange[0]}`{more}, which the store does not have"
    return replace(known, infos=infos), [f"{warning}; {near}" if near else warning]


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


def _info(facts: TagFacts, history: Sequence[Mapping[str, Any]], end: int | None) -> TagInfo:
    more = history[-1] if history else {}
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


def _units(history: Sequence[Mapping[str, Any]], end: int | None) -> tuple[tuple[int, str], ...]:
    """Each unit in turn with the time from when on; what was said behind the range does not count."""
    found: list[tuple[int, str]] = []
    for row in history:
        at, unit = row["valid_from"] or 0, row["unit"] or ""
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


def _holes(found: Told, infos: Mapping[str, TagInfo], start: int | None, end: int | None) -> dict[str, list[Hole]]:
    of_source: dict[str, list[str]] = {}
    for info in infos.values():
        of_source.setdefault(info.source, []).append(info.tag)
    holes: dict[str, list[Hole]] = {}
    for source, tag, first, last, reason in found.gaps:
        if (end is not None and first >= end) or (start is not None and last is not None and last < start):
            continue
        for name in [tag] if tag is not None else of_source.get(source, []):
            holes.setdefault(name, []).append(Hole(first, last, reason))
    return holes


def _disorder(found: Told, start: int | None, end: int | None) -> dict[str, list[Disorder]]:
    disorder: dict[str, list[Disorder]] = {}
    for tag, first, last, kind, rows, step in found.disorder:
        if (end is None or first < end) and (start is None or last >= start):
            disorder.setdefault(tag, []).append(Disorder(first, last, kind, rows, step or 0.0))
    return disorder
