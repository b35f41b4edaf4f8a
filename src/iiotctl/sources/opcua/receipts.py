"""Which notification messages are safe on disk, and which may be acknowledged now.

A message that is acknowledged is thrown away by the server, so it is acknowledged only after the commit that
made its values durable (or after capture has counted them as lost). Until then the server holds it for
Republish, as many messages as its retransmission queue takes. When commits are slower than that, the server
drops the oldest and nothing is lost by it: the values wait in capture's memory, whose limit (the recorder's
backlog) decides; what is thrown away there is a gap and counts as settled. Only a connection that breaks in
the same seconds needs a message again, and it is asked for those after the last one received alone. Numbers
that the server no longer has are forgotten, and of the others at most `MOST` are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final

from iiotctl.sources.opcua.sequence import is_after, oldest

MOST: Final = 4096
"""Unacknowledged numbers that are kept; far above every retransmission queue."""
_AT_ONCE: Final = 1000
"""Acknowledgements in one request."""


class Receipts:
    """Numbers of messages between receipt and acknowledgement.

    Attributes:
        retained: most messages that the server was seen to hold for us.
        overrun: messages that the server dropped from its retransmission queue before their commit.
    """

    def __init__(self) -> None:
        self.retained = 0
        self.overrun = 0
        self._waiting: dict[int, bool] = {}
        """Sequence number → durable."""

    @property
    def unacknowledged(self) -> int:
        """Messages that are not acknowledged yet."""
        return len(self._waiting)

    def received(self, sequence: int) -> Callable[[], None]:
        """A message came; the function to call once it is durable."""
        self._waiting[sequence] = False
        while len(self._waiting) > MOST:
            del self._waiting[next(iter(self._waiting))]

        def durable() -> None:
            if sequence in self._waiting:
                self._waiting[sequence] = True

        return durable

    def held(self, available: Collection[int]) -> None:
        """The server tells which messages it still has: what it no longer has need not be acknowledged."""
        self.retained = max(self.retained, len(available))
        if not available:
            return
        first = oldest(available)
        for number in [number for number in self._waiting if is_after(first, number)]:
            self.overrun += not self._waiting.pop(number)

    def take(self) -> list[int]:
        """Numbers to acknowledge now, oldest first; they count as acknowledged."""
        ready = [number for number, is_durable in self._waiting.items() if is_durable][:_AT_ONCE]
        for number in ready:
            del self._waiting[number]
        return ready

    def again(self, numbers: Iterable[int]) -> None:
        """Messages that we have but whose acknowledgement did not reach the server."""
        for number in numbers:
            self._waiting.setdefault(number, True)
