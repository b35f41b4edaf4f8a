"""Another master on the bus that we use, noticed by its requests. Pure.

What comes in on our line are answers of our units, perhaps the echo of our own requests, and noise. A read request of
a kind that we never send comes from somebody else. One that we do send, once more than we sent it, has to come
twice, as have frames of functions that we never use (a write and its answer do), because their short frames may turn
up by chance in a broken answer. Late answers are answers and prove nothing; an answer with three bytes of bits is as
long as a request, and is not taken for one.
"""

from __future__ import annotations

from typing import Final

from iiotctl.sources.allowlist import ENCAPSULATED
from iiotctl.sources.modbus.sniff import Read, Seen, Sniffer, heard

_TWICE_S: Final = 10.0
_AMBIGUOUS: Final = 3
"""First byte of the address in a request for bits, or number of bytes in an answer."""


class Watch:
    """Watches one connection."""

    def __init__(self) -> None:
        self._sniffer = Sniffer()
        self._echoes: dict[Read, bool] = {}
        """Requests of ours, and whether the last of each may still come back as an echo."""
        self._heard: dict[Read | tuple[int, int], float] = {}

    def sent(self, frame: bytes, now: float) -> None:
        """We sent this, and its answer is ours; `now` in seconds."""
        self._sniffer.sent(frame, round(now * 1e6))
        read = Read(frame[0], frame[1], int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big"))
        self._echoes[read] = True

    def hear(self, data: bytes, now: float) -> str:
        """What somebody else asks, in words; "" when nobody does."""
        self._sniffer.feed(data, round(now * 1e6))
        seen, self._sniffer.seen = self._sniffer.seen, Seen()
        if not seen.reads and not seen.others:
            return ""
        found = Seen(bytes=len(data), understood=seen.understood)
        for read, n in seen.reads.items():
            if self._counts_read(read, n, now):
                found.reads[read] = n
        for (unit, function), n in seen.others.items():
            exception = function >= 0x80  # noqa: PLR2004 - of a unit
            if not exception and function != ENCAPSULATED and self._is_again((unit, function), n, now):
                found.others[unit, function] = n
        return heard(found) if found.reads or found.others else ""

    def _counts_read(self, read: Read, n: int, now: float) -> bool:
        if _may_be_answer(read):
            return False
        if read not in self._echoes:
            return True
        if self._echoes[read]:
            self._echoes[read] = False
            n -= 1
        return n > 0 and self._is_again(read, n, now)

    def _is_again(self, what: Read | tuple[int, int], n: int, now: float) -> bool:
        """Heard not once but twice lately."""
        before = self._heard.get(what, float("-inf"))
        self._heard[what] = now
        return n > 1 or now - before < _TWICE_S


def _may_be_answer(read: Read) -> bool:
    return read.function <= 2 and read.address >> 8 == _AMBIGUOUS  # noqa: PLR2004 - 1 and 2 read bits
