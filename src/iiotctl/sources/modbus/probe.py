"""Which registers exist, found out gently: the strategy of the register probe, pure.

Named ranges are read in blocks; a block that the device refuses with exception 02 or 03 is halved until what exists
and what does not is told apart. Nothing outside the ranges is asked for, nor anything in `never_read`. A device that
stops answering is left alone.

The strategy is a generator: it yields the block to read next and is sent the answer.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from iiotctl.site.address import Table
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.plan import Block, Limits

BLOCK: Final = 32
"""Addresses a request: fewer than a device allows, because each refusal is halved from here."""
MOST_REQUESTS: Final = 500
_SILENCES: Final = 2
_UNSERVED: Final = 1

Span = tuple[Table, int, int]
"""Table, first and last address, both ends included."""


class State(StrEnum):
    """What is known of an address."""

    EXISTS = "exists"
    ILLEGAL = "illegal"
    """Refused with exception 01, 02 or 03, alone or as part of a table that the device does not serve."""
    FAILED = "failed"
    """Asked for, but neither read nor refused as illegal."""
    NOT_ASKED = "not-asked"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring addresses of which the same is known.

    Attributes:
        table: data table.
        first: first address.
        last: last address, included.
        state: what is known.
        note: why, in a few words.
        data: answer bytes where they exist; registers, or packed bits.
    """

    table: Table
    first: int
    last: int
    state: State
    note: str = ""
    data: bytes = b""

    @property
    def count(self) -> int:
        """Addresses."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.table}:{self.first}" + (f"-{self.last}" if self.last > self.first else "")


def blocks(ranges: Sequence[Span], limits: Limits, size: int = BLOCK) -> tuple[list[Block], list[Stretch]]:
    """The first requests of a probe, and the stretches that `never_read` forbids; ranges that overlap count once."""
    asked: list[Block] = []
    forbidden: list[Stretch] = []
    for table, first, last in _merged(ranges):
        start = first
        for address in range(first, last + 2):
            ends = address > last
            is_forbidden = not ends and limits.forbids(table, address, address + 1)
            if not ends and not is_forbidden:
                continue
            most = min(size, limits.most(table))
            asked += [Block(table, at, min(most, address - at), 0.0) for at in range(start, address, most)]
            if is_forbidden:
                forbidden.append(Stretch(table, address, address, State.NOT_ASKED, "never_read"))
            start = address + 1
    return asked, forbidden


def _merged(ranges: Sequence[Span]) -> Iterator[Span]:
    order = list(Table)
    table, first, last = None, 0, -2
    for new, start, end in sorted(ranges, key=lambda each: (order.index(each[0]), each[1])):
        if new is table and start <= last + 1:
            last = max(last, end)
            continue
        if table is not None:
            yield table, first, last
        table, first, last = new, start, end
    if table is not None:
        yield table, first, last


def most_requests(first: Sequence[Block]) -> int:
    """Requests in the worst case: every address refused, so that each block is halved to its end."""
    return sum(2 * block.count - 1 for block in first)


Probe = Generator[Block, bytes | Failure | None, list[Stretch]]


def probe(ranges: Sequence[Span], limits: Limits, *, size: int = BLOCK, most: int = MOST_REQUESTS) -> Probe:
    """Yields the block to read next, takes its data or failure (None = no more), and returns what is known of every named address.

    Args:
        ranges: what the user named.
        limits: what the device takes, and `never_read`.
        size: addresses of a first request.
        most: requests at most; what is left then is `NOT_ASKED`.
    """
    todo, found = blocks(ranges, limits, size)
    todo.reverse()
    sent = silences = 0
    stopped = ""
    unserved: dict[Table, str] = {}
    while todo:
        block = todo.pop()
        if block.table in unserved:
            found.append(_stretch(block, State.ILLEGAL, unserved[block.table]))
            continue
        if not stopped and sent >= most:
            stopped = f"the limit of {most} requests was reached"
        if stopped:
            found.append(_stretch(block, State.NOT_ASKED, stopped))
            continue
        sent += 1
        answer = yield block
        silences = silences + 1 if isinstance(answer, Failure) and answer.kind is not Kind.REFUSED else 0
        stopped = _ended(answer, silences)
        if isinstance(answer, Failure) and answer.illegal and block.count > 1:
            todo += reversed(_halved(block))
            continue
        if _is_unserved(answer):
            unserved[block.table] = str(answer)
        found.append(_answered(block, answer))
    return _joined(found)


def _ended(answer: bytes | Failure | None, silences: int) -> str:
    """Why nothing more is asked; "" when it goes on."""
    if answer is None:
        return "interrupted"
    is_lost = isinstance(answer, Failure) and answer.kind is Kind.DISCONNECTED
    return "the device no longer answered" if is_lost or silences >= _SILENCES else ""


def _is_unserved(answer: bytes | Failure | None) -> bool:
    return isinstance(answer, Failure) and answer.kind is Kind.REFUSED and answer.code == _UNSERVED


def _answered(block: Block, answer: bytes | Failure | None) -> Stretch:
    if answer is None:
        return _stretch(block, State.NOT_ASKED, _ended(answer, 0))
    if not isinstance(answer, Failure):
        return _stretch(block, State.EXISTS, data=answer)
    is_illegal = answer.illegal or _is_unserved(answer)
    return _stretch(block, State.ILLEGAL if is_illegal else State.FAILED, str(answer))


def _halved(block: Block) -> list[Block]:
    half = (block.count + 1) // 2
    return [replace(block, count=half), replace(block, start=block.start + half, count=block.count - half)]


def _stretch(block: Block, state: State, note: str = "", data: bytes = b"") -> Stretch:
    return Stretch(block.table, block.start, block.end - 1, state, note, data)


def _joined(found: list[Stretch]) -> list[Stretch]:
    """In order; neighbours that say the same become one. Bits stay in pieces of whole answers: they are packed."""
    order = list(Table)
    joined: list[Stretch] = []
    for stretch in sorted(found, key=lambda each: (order.index(each.table), each.first)):
        before = joined[-1] if joined else None
        if (
            before is not None
            and (before.table, before.last + 1, before.state, before.note)
            == (stretch.table, stretch.first, stretch.state, stretch.note)
            and not (stretch.table.is_bits and stretch.data)
        ):
            joined[-1] = replace(before, last=stretch.last, data=before.data + stretch.data)
        else:
            joined.append(stretch)
    return joined
