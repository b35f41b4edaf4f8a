"""A device that flaps must not flood the terminal: what one source says of one kind is told once a minute.

Another cause (another text, figures aside) or another tag is told as well, up to some a minute. What is held back is
counted, and the next one told says how many there were. Events of the run itself and details (`-v`) always pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from iiotctl.events import Event, Level

PAUSE_S: Final = 60.0
MOST: Final = 10
"""Events of one kind that one source may tell a minute, whatever their tags and causes."""

_REMEMBERED: Final = 2000
_FIGURES: Final = re.compile(r"\d+")


@dataclass(slots=True)
class _Told:
    at: float
    held_back: int = 0


class Quieting:
    """Decides about one event after the other.

    Args:
        monotonic: seconds that never step back.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._told: dict[tuple[str, str, str, str], _Told] = {}
        self._recent: dict[tuple[str, str], list[float]] = {}
        self._held_back: dict[tuple[str, str], int] = {}

    def take(self, event: Event) -> Event | None:
        """The event to tell, with what was held back before it, or None."""
        if not event.source or event.level < Level.NOTICE:
            return event
        now = self._monotonic()
        key = (event.source, event.slug, event.tag, _FIGURES.sub("", event.text))
        told = self._told.get(key)
        if told is not None and now - told.at < PAUSE_S:
            told.held_back += 1
            return None
        if not self._has_room(event, now):
            kind = (event.source, event.slug)
            self._held_back[kind] = self._held_back.get(kind, 0) + 1
            return None
        if len(self._told) > _REMEMBERED:
            self._told = {name: past for name, past in self._told.items() if now - past.at < PAUSE_S}
        self._told[key] = _Told(now)
        notes = []
        if told is not None and told.held_back:
            notes.append(f"{told.held_back} times more in the last {now - told.at:.0f} s")
        if (others := self._held_back.pop((event.source, event.slug), 0)) > 0:
            notes.append(f"and {others} others of this kind")
        return replace(event, text=f"{event.text} ({', '.join(notes)})") if notes else event

    def _has_room(self, event: Event, now: float) -> bool:
        recent = self._recent.setdefault((event.source, event.slug), [])
        recent[:] = [at for at in recent if now - at < PAUSE_S]
        if len(recent) >= MOST:
            return False
        recent.append(now)
        return True
