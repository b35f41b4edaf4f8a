"""Frames: the checksummed records that segments, manifests and the checkpoint consist of.

    length u32 | crc32 u32 | kind u8 | payload        (little endian; crc over length, kind and payload)

The checksum covers the length, so a zero-filled tail is no valid empty frame. Reading stops at the
first frame that is torn or damaged: what comes out is a prefix of what was written, never anything else.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

_HEAD: Final = struct.Struct("<IIB")
_LENGTH: Final = struct.Struct("<I")
LONGEST: Final = 512_000_000
"""A longer length field is damage; keeps a flipped bit from asking for gigabytes."""


class Kind(IntEnum):
    """What a frame holds."""

    HEADER = 1
    TAGS = 2
    COMMIT = 3
    FILE = 4
    CHECKPOINT = 5
    CHANGE = 6
    """Files that take over from others at one instant."""
    INSTEAD = 7
    """Logs that this log stands for."""
    GATHERED = 8
    """Ranges of many files, by column."""
    HASHES = 9
    """The whole entries of many files, by column."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One valid frame and the place right after it."""

    kind: int
    payload: memoryview
    end: int


def _crc(length: bytes, kind: int, payload: bytes | memoryview) -> int:
    return zlib.crc32(payload, zlib.crc32(bytes((kind,)), zlib.crc32(length)))


def pack(kind: Kind, payload: bytes) -> bytes:
    """The bytes of a frame.

    Raises:
        ValueError: the payload is longer than `LONGEST`.
    """
    if len(payload) > LONGEST:
        msg = f"a frame of {len(payload)} bytes is too long"
        raise ValueError(msg)
    length = _LENGTH.pack(len(payload))
    return _HEAD.pack(len(payload), _crc(length, kind, payload), kind) + payload


def valid(data: bytes | memoryview) -> int:
    """How many bytes at the beginning of `data` are whole frames."""
    end = 0
    for frame in scan(data):
        end = frame.end
    return end


def scan(data: bytes | memoryview) -> Iterator[Frame]:
    """The valid frames at the beginning of `data`, in order."""
    view = memoryview(data)
    place = 0
    while place + _HEAD.size <= len(view):
        length, crc, kind = _HEAD.unpack_from(view, place)
        begin, end = place + _HEAD.size, place + _HEAD.size + length
        if length > LONGEST or end > len(view):
            return
        payload = view[begin:end]
        if _crc(view[place : place + 4].tobytes(), kind, payload) != crc:
            return
        yield Frame(kind, payload, end)
        place = end
