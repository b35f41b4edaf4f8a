"""Kept windows: what of a trigger ring was stored for good, and why; all else of the ring was not kept.

Not kept is no gap: the samples were there, and the site file says that nobody wanted them. These rows state it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Kept:
    """One permanent window of a trigger ring.

    Both ends belong to it: every sample that was delivered with start <= ts <= end is stored.

    Attributes:
        id: unique; a later row with the same id replaces an earlier one.
        source: name of the source, or None = every source of the capture.
        start: µs UTC, first instant kept.
        end: µs UTC, last instant kept; None = the window is still open.
        trigger: the condition as the user wrote it.
        fired_at: µs UTC, when it became true.
        detected_at: µs UTC, when this row was written; the latest row of an id counts.
    """

    id: str
    source: str | None
    start: int
    end: int | None
    trigger: str
    fired_at: int
    detected_at: int


def to_json(kept: Kept) -> dict[str, Any]:
    """A kept window as plain data."""
    return asdict(kept)


def from_json(data: Mapping[str, Any]) -> Kept:
    """The kept window of `to_json`; keys of a newer version are ignored."""
    known = {field.name for field in fields(Kept)}
    return Kept(**{key: value for key, value in data.items() if key in known})
