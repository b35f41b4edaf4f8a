"""Events: what core code tells the outside while it works. Core never prints; `cli` and logs draw these."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Level(IntEnum):
    """How much a person should care."""

    DEBUG = 10
    INFO = 20
    NOTICE = 25
    """Shown by default."""
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        level: how much a person should care.
        slug: kebab-case kind, e.g. `source-down`, `clock-step`, `disk-reserve`, `queue-revised`.
        text: one plain sentence without a final stop.
        source: name of the source, or "" for the run itself.
        tag: name of the tag, or "".
        at: µs UTC, 0 = unknown.
        data: figures behind the text, JSON-compatible.
    """

    level: Level
    slug: str
    text: str
    source: str = ""
    tag: str = ""
    at: int = 0
    data: dict[str, object] = field(default_factory=dict)
