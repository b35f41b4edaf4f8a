"""Which tags a listener has not heard of for too long; pure but for the clock handed in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from iiotctl.sources.modbus.layout import ModbusTag

PERIODS: Final = 3
"""A tag that has not come for so many periods is missing."""

LEAST_S: Final = 1.0
"""However short its period: masters pause, and wait for units that are off."""


class Silence:
    """Remembers when each tag was heard.

    Args:
        monotonic: seconds that never step back.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.never: set[int] = set()
        """Tags that were not heard at all yet."""
        self._monotonic = monotonic
        self._patience: dict[int, float] = {}
        self._at: dict[int, float] = {}

    def take(self, tags: Mapping[int, ModbusTag]) -> None:
        """The tags to watch from now on; those known already keep their time."""
        now = self._monotonic()
        self.never = {code for code in tags if code not in self._at or code in self.never}
        self._at = {code: self._at.get(code, now) for code in tags}
        self._patience = {code: max(LEAST_S, PERIODS * tag.extent.period) for code, tag in tags.items()}

    def begin(self, tags: Mapping[int, ModbusTag] | Collection[int]) -> None:
        """Wait for these tags from now on."""
        if isinstance(tags, Mapping):
            self.take(tags)
        self._at.update(dict.fromkeys(tags, self._monotonic()))

    def heard(self, codes: Iterable[int]) -> None:
        """Tags came."""
        self._at.update(dict.fromkeys(codes, self._monotonic()))
        self.never.difference_update(codes)

    def overdue(self) -> set[int]:
        """Tags that should have come."""
        now = self._monotonic()
        return {code for code, at in self._at.items() if now - at > self._patience[code]}

    def patience(self, codes: Iterable[int]) -> float:
        """Seconds that these tags were waited for: the shortest."""
        return min(self._patience[code] for code in codes)
