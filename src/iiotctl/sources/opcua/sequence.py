"""Sequence numbers of notification messages: UInt32 that go from 2^32 - 1 back to 1 (OPC 10000-4 §7.26)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

WRAP: Final = 0xFFFF_FFFF


def following(sequence: int) -> int:
    """The sequence number after `sequence`; 0 is never used."""
    return 1 if sequence == WRAP else sequence + 1


def preceding(sequence: int) -> int:
    """The sequence number before `sequence`."""
    return WRAP if sequence <= 1 else sequence - 1


def distance(first: int, last: int) -> int:
    """Steps from `first` forward to `last`."""
    return (last - first) % WRAP


def is_after(number: int, other: int) -> bool:
    """True when `number` comes after `other`, by the shorter way round."""
    return 0 < distance(other, number) < WRAP // 2


def oldest(numbers: Collection[int]) -> int:
    """The first of numbers that lie close together; at least one."""
    origin = next(iter(numbers))
    half = WRAP // 2
    return min(numbers, key=lambda number: (number - origin + half) % WRAP)
