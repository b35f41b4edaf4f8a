"""Event frames: from when to when something was the case, as found in the samples and kept in the store.

A frame is a statement about stored samples, found again whenever they are looked at; no message of a device.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EventFrame:
    """One event.

    Attributes:
        id: the same whenever the same event is found again; a later row with the same id replaces an earlier one.
        event: name of the kind of event, e.g. `hot`.
        asset: machine that it is about, or None.
        start: µs UTC, since when the start condition held.
        end: µs UTC, first instant at which it was over; None = it still lasts.
        severity: critical, high, medium, low or info; or None.
        condition: what starts it, as text.
        until: what ends it, as text; "" = that the condition is no longer true.
        tags: whose values `attributes` tells.
        attributes: figures about it, JSON-compatible: `duration_s`, `uncertain_s`, and by tag `min`, `max`, `mean` …
        detected_at: µs UTC, when this row was written; the latest row of an id counts.
        definition_hash: changes with the definition; 16 hexadecimal digits.
        tool_version: of the iiotctl that found it.
        withdrawn: it is taken back.
    """

    id: str
    event: str
    asset: str | None
    start: int
    end: int | None
    severity: str | None
    condition: str
    until: str
    tags: tuple[str, ...]
    attributes: dict[str, object] = field(default_factory=dict)
    detected_at: int = 0
    definition_hash: str = ""
    tool_version: str = ""
    withdrawn: bool = False
