"""Another master on the bus that we use, noticed by its requests. Pure.

What comes in on our line are answers of our units, perhaps the echo of our own requests, and noise. A read request that
we did not send comes from somebody else, as do frames of functions that we never use: writing, for instance. Those
have to come twice (a write and its answer do), because their short frames may turn up by chance in a broken answer.
Late answers are answers and prove nothing; an answer with three bytes of bits is as long as a request, and is
not taken for one.
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
        self._echo: Read | None = None
        self._others: dict[tuple[int, int], float] = {}

    def sent(self, frame: bytes, now: float) -> None:
        """We sent this, and its answer is ours; `now` in seconds."""
        self._sniffer.feed(frame, round(now * 1e6))
        self._echo = Read(frame[0], frame[1], int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big"))

    def hear(self, data: bytes, now: float) -> str:
        """What somebody else asks, in words; "" when nobody does."""
        self._sniffer.seen = seen = Seen()
        self._sniffer.feed(data, round(now * 1e6))
        if not seen.reads and not seen.others:
            return ""
        if self._echo is not None and self._echo in seen.reads:
            seen.reads[self._echo] -= 1
            self._echo = None
        found = Seen(bytes=len(data), understood=seen.understood)
        found.reads.update({read: n for read, n in seen.reads.items() if n > 0 and not _may_be_answer(read)})
        for (unit, function), n in seen.others.items():
            if function < 0x80 and function != ENCAPSULATED:  # noqa: PLR2004 - exceptions answer
                if n > 1 or now - self._others.get((unit, function), float("-inf")) < _TWICE_S:
                    found.others[unit, function] = n
                self._others[unit, function] = now
        return heard(found) if found.reads or found.others else ""


def _may_be_answer(read: Read) -> bool:
    return read.function <= 2 and read.address >> 8 == _AMBIGUOUS  # noqa: PLR2004 - 1 and 2 read bits
