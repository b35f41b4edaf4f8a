"""How long RTU frames are, pure: what a listener must know of every function to find the end of a frame.

RTU marks the end of a frame by silence, and user space sees none: drivers hand over bytes merged and split.
So a frame is found by its length, which its first bytes tell, and proved by its checksum. A sender of
requests knows what it asked; a listener has to tell requests and answers apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

LONGEST: Final = 256
SHORTEST: Final = 4
REQUEST: Final = 8
"""Bytes of a read request."""

MORE: Final = 0
"""Instead of a length: it takes more bytes to tell."""

READS: Final = range(1, 5)
_MOST_BITS: Final = 2000
_MOST_REGISTERS: Final = 125
_LAST_ADDRESS: Final = 0x10000
_EXCEPTION: Final = 5
_EXCEPTIONS: Final = range(1, 16)
_IDENTIFICATION: Final = 14
_FIRST_OBJECT: Final = 8

# (fixed bytes, where a byte count stands that is added; None = there is none), Modbus application protocol V1.1b3 §6
_OTHERS: Final[dict[int, tuple[tuple[int, int | None], ...]]] = {
    5: ((8, None),),
    6: ((8, None),),
    7: ((4, None), (5, None)),
    8: ((8, None),),
    11: ((4, None), (8, None)),
    12: ((4, None), (5, 2)),
    15: ((8, None), (9, 6)),
    16: ((8, None), (9, 6)),
    17: ((4, None), (5, 2)),
    20: ((5, 2),),
    21: ((5, 2),),
    22: ((10, None),),
    23: ((5, 2), (13, 10)),
    24: ((6, None), (6, 3)),
}


def payload_of(function: int, quantity: int) -> int:
    """Bytes of data in the answer to a read of so many bits or registers."""
    return (quantity + 7) // 8 if function <= 2 else 2 * quantity  # noqa: PLR2004 - 1 and 2 read bits


def is_read(function: int, address: int, quantity: int) -> bool:
    """Whether a device may be asked this."""
    most = _MOST_BITS if function <= 2 else _MOST_REGISTERS  # noqa: PLR2004 - 1 and 2 read bits
    return 1 <= quantity <= most and address + quantity <= _LAST_ADDRESS


def answer_length(frame: bytes | bytearray) -> int | None:
    """Length of a read answer that begins like this (3 bytes at least); None = no read answer does."""
    count = frame[2]
    whole = count <= payload_of(1, _MOST_BITS) if frame[1] <= 2 else count % 2 == 0  # noqa: PLR2004
    return 5 + count if count and whole and 5 + count <= LONGEST else None


def other_lengths(frame: bytes | bytearray) -> Iterator[int]:
    """Lengths that a frame of any other function or an exception may have; `MORE` as long as that cannot be told."""
    function = frame[1]
    if function & 0x80:
        if frame[2] in _EXCEPTIONS:
            yield _EXCEPTION
        return
    for fixed, place in _OTHERS.get(function, ()):
        if place is None:
            yield fixed
        elif len(frame) <= place:
            yield MORE
        elif fixed + frame[place] <= LONGEST:
            yield fixed + frame[place]
    if function == 43:  # noqa: PLR2004 - read device identification
        yield from _identification(frame)


def _identification(frame: bytes | bytearray) -> Iterator[int]:
    if frame[2] != _IDENTIFICATION:
        return
    yield 7  # the request
    at = _FIRST_OBJECT
    if len(frame) < at:
        yield MORE
        return
    for _ in range(frame[at - 1]):
        if len(frame) < at + 2:
            yield MORE
            return
        at += 2 + frame[at + 1]
        if at + 2 > LONGEST:
            return
    yield at + 2
