"""`events`: what the store knows of events, and finding them in the samples."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iiotctl import __version__
from iiotctl.errors import IiotctlError, IncompleteError, SiteError, UsageError
from iiotctl.eventframe import EventFrame
from iiotctl.events import Event, Level
from iiotctl.history import tagfacts
from iiotctl.history.events import eventfigures, eventfind
from iiotctl.history.events.eventrows import Changes, Stored, event_id, reconciled, stored
from iiotctl.history.events.latch import Found
from iiotctl.history.names import near
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.sql.views import OF_VERBS
from iiotctl.history.tagfacts import TagFacts
from iiotctl.history.time import times
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime
from iiotctl.site.events import EventDefinition
from iiotctl.site.locate import FILE_NAME
from iiotctl.site.model import Site

Notice = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Within:
    """The range as typed.

    Attributes:
        start: `--from`.
        end: `--to`.
        zone: of times without offset.
    """

    start: str | None = None
    end: str | None = None
    zone: SiteTime = UTC_TIME


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one definition.

    Attributes:
        definition: as written.
        changes: what is new, changed and as before.
        events: all that was found, as they stand in the store now, by start.
    """

    definition: EventDefinition
    changes: Changes
    events: tuple[EventFrame, ...]


def listed(
    store: Path,
    notice: Notice,
    *,
    name: str | None = None,
    within: Within | None = None,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> list[Stored]:
    """Stored events by start; with a descending range the newest first.

    Args:
        store: folder of the store.
        notice: is told about files that had to be left out.
        name: only those of this name.
        within: those that lasted in this range.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: `bad-time`, `empty-range`.
        IncompleteError: `no-events`, there are none of this name.
        StoreError: no store.
    """
    typed = within or Within()
    chosen = times.parse_range(typed.start, typed.end, now_us(), zone=typed.zone, notice=notice)
    with Reader(Selection(store), notice, only=OF_VERBS) as reader:
        found = stored(reader, name, chosen.start, chosen.end)
        if not found and name is not None:
            _check_name(name, {one.frame.event for one in stored(reader)}, store)
    return found[::-1] if chosen.descending else found


def _check_name(name: str, known: set[str], store: Path) -> None:
    if name not in known:
        raise IncompleteError(
            "no-events",
            f"the store knows no event `{name}`",
            where=str(store),
            hint=near(name, known) or "`iiotctl events` lists them, `iiotctl events find` looks for them",
        )


def of_site(site: Site | None, names: Sequence[str]) -> list[EventDefinition]:
    """The definitions of the site file that are wanted.

    Args:
        site: the site, or None without one.
        names: of the events; empty = all.

    Raises:
        SiteError: `no-definitions`, the file declares no event; `unknown-event`.
    """
    declared = {definition.name: definition for definition in (site.events if site else ())}
    if not declared:
        raise SiteError(
            "no-definitions",
            "the site file declares no event" if site else f"no `{FILE_NAME}` here that declares events",
            hint="write `[[events]]` into it, or say what to look for: "
            "`iiotctl events find --name hot --start 'TAG > 60' --end 'TAG < 55'`",
        )
    for name in names:
        if name not in declared:
            raise SiteError(
                "unknown-event",
                f"the site file declares no event `{name}`",
                hint=near(name, declared) or f"it declares {', '.join(f'`{one}`' for one in declared)}",
            )
    return [declared[name] for name in dict.fromkeys(names)] or list(declared.values())


def of_flags(flags: Mapping[str, Any]) -> EventDefinition:
    """A definition from the command line.

    Args:
        flags: by key of `[[events]]`, as typed; None or empty = not given.

    Raises:
        UsageError: `bad-event`, with the flag that is wrong.
    """
    from pydantic import ValidationError

    from iiotctl.site.plain import problems_of

    given = {key: value for key, value in flags.items() if value}
    try:
        return EventDefinition.model_validate(given)
    except ValidationError as error:
        found = problems_of(error, EventDefinition, lambda *keys: flag(str(keys[0])) if keys else "", "the event")[0]
        what = found.what
        for key in EventDefinition.model_fields:
            name = key.rstrip("_")
            what = what.replace(f"`{name}`", f"`{flag(name)}`")
        raise UsageError("bad-event", what, where=found.where or None, hint=found.hint) from None


def flag(key: str) -> str:
    """The flag of a key of `[[events]]`."""
    return {"tags": "--tag"}.get(key, f"--{key.replace('_', '-')}")


def find(
    store: Path,
    definitions: Sequence[EventDefinition],
    notice: Notice,
    *,
    within: Within | None = None,
    dry_run: bool = False,
    replaces: bool = False,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> list[Outcome]:
    """Look for events in the samples, and store what the store does not know yet.

    Args:
        store: folder of the store.
        definitions: what to look for.
        notice: is told about files and definitions that had to be left out.
        within: where to look; an event that touches the range is found whole.
        dry_run: store nothing.
        replaces: take back what is not found again in the range, and what earlier definitions of a name found there.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: `bad-time`, `empty-range`, `unknown-state`.
        IncompleteError: `no-tags`, of none of the definitions the store knows the tags.
        StoreError: no store; `import-running`; it cannot be written.
    """
    now = now_us()
    typed = within or Within()
    chosen = times.parse_range(typed.start, typed.end, now, zone=typed.zone, notice=notice)
    outcomes: list[tuple[str, Outcome]] = []
    failed: list[IiotctlError] = []
    with Reader(Selection(store), notice, only=OF_VERBS) as reader:
        for definition in definitions:
            search = _Search(reader, definition, now)
            try:
                outcomes.append((search.site(), search.outcome(chosen.start, chosen.end, replaces=replaces)))
            except (IncompleteError, UsageError) as error:
                failed.append(error)
                if len(definitions) > 1:
                    notice(Event(Level.WARNING, error.slug, f"event `{definition.name}` was left out: {error.what}"))
    if not outcomes:
        raise failed[0]
    if not dry_run:
        _store(store, outcomes, now_us)
    return [outcome for _, outcome in outcomes]


def _store(store: Path, outcomes: Sequence[tuple[str, Outcome]], now_us: Callable[[], int]) -> None:
    from iiotctl.store.bulk import BulkWriter

    rows: dict[str, list[EventFrame]] = {}
    for site, outcome in outcomes:
        rows.setdefault(site, []).extend(outcome.changes.rows)
    for site, of_site_ in rows.items():
        if of_site_:
            with BulkWriter.open(store, site=site, now_us=now_us) as bulk:
                bulk.write_events(of_site_)


class _Search:
    """One definition in one store."""

    def __init__(self, reader: Reader, definition: EventDefinition, now: int) -> None:
        self._reader, self._definition, self._now = reader, definition, now
        self._facts: dict[str, TagFacts] = {}

    def site(self) -> str:
        """Site id of the tags that decide."""
        self._facts = self._facts or self._known(self._definition.watched)
        return eventfind.origin(self._reader, list(self._facts))[0]

    def _known(self, patterns: Sequence[str]) -> dict[str, TagFacts]:
        try:
            return {facts.tag: facts for facts in tagfacts.find(self._reader, patterns)}
        except IncompleteError as error:
            raise IncompleteError(
                error.slug, error.what, where=f"event `{self._definition.name}`", hint=error.hint
            ) from None

    def outcome(self, start: int | None, end: int | None, *, replaces: bool) -> Outcome:
        """Find, figure, compare with what is stored."""
        definition = self._definition
        self._facts = self._facts or self._known(definition.watched)
        asked = eventfind.question(self._reader, definition, self._facts)
        until = eventfind.known_until(self._reader, self._facts, self._now)
        found = list(eventfind.find(self._reader, asked, start, end, until))
        tags = list(self._known(definition.tags).values()) if definition.tags else list(self._facts.values())
        figures = eventfigures.figures(self._reader, [one for one in tags if one.tag not in asked.texts], found)
        frames = [self._frame(one, tags, attributes) for one, attributes in zip(found, figures, strict=True)]
        low = min([*(frame.start for frame in frames), *([] if start is None else [start])], default=None)
        known = [one.frame for one in stored(self._reader, definition.name, low if start is not None else None, end)]
        changes = reconciled(frames, known, self._now, replaces=replaces)
        now_stored = sorted([*changes.new, *changes.changed, *changes.same], key=lambda frame: frame.start)
        return Outcome(definition, changes, tuple(now_stored))

    def _frame(self, found: Found, tags: Sequence[TagFacts], attributes: dict[str, object]) -> EventFrame:
        definition = self._definition
        return EventFrame(
            id=event_id(definition.hash, definition.asset, found.start),
            event=definition.name,
            asset=definition.asset,
            start=found.start,
            end=found.end,
            severity=definition.severity,
            condition=definition.start,
            until=definition.end or "",
            tags=tuple(one.tag for one in tags),
            attributes=attributes,
            detected_at=self._now,
            definition_hash=definition.hash,
            tool_version=__version__,
        )
