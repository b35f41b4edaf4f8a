"""Which changes of a device's state are worth a line: a device that comes and goes is told so once. Pure.

Every outage is in the gaps; the lines are for people, who look at the device after the first of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

STEADY_S: Final = 60.0
"""A state that held for so long is one; what changes sooner comes and goes."""


class Change(Enum):
    """What a failure is."""

    NEWS = "news"
    AGAIN = "again"
    """The second in a short time: the device comes and goes."""
    KNOWN = "known"


class Steadiness:
    """State of one source as it was told, and of its tags; times in monotonic seconds."""

    def __init__(self) -> None:
        self._told_up = float("-inf")
        self._up_since: float | None = None
        self._flapping = False
        self._failed: dict[int, float] = {}

    def down(self, now: float) -> Change:
        """The source gives nothing any more."""
        self._up_since = None
        if self._flapping:
            return Change.KNOWN
        self._flapping = now - self._told_up < STEADY_S
        return Change.AGAIN if self._flapping else Change.NEWS

    def up(self, now: float) -> bool:
        """The source gives data again; true when that is worth telling."""
        self._up_since = now
        if self._flapping:
            return False
        self._told_up = now
        return True

    def held(self, now: float) -> bool:
        """Asked with data at hand: true once, when a source that came and went has been steady."""
        if not self._flapping or self._up_since is None or now - self._up_since < STEADY_S:
            return False
        self._flapping = False
        self._told_up = now
        return True

    def news_of(self, codes: Iterable[int], now: float) -> list[int]:
        """Of tags that failed those that did not fail a short time ago as well."""
        news = []
        for code in codes:
            if now - self._failed.get(code, float("-inf")) >= STEADY_S:
                news.append(code)
            self._failed[code] = now
        return news
