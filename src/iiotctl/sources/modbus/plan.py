"""The request plan: which registers to read in which requests, worked out before anything is sent.

Per unit, table and period: sort, merge neighbours, split at the limits of the device. Rules, in this order:

1. no request touches a `never_read` range;
2. a tag of several registers is never split over requests;
3. a request holds at most `max_registers` registers or `max_bits` bits;
4. no request crosses a *cut*: a place where the device once refused a merged request (exception 02 or 03);
5. undeclared addresses are read only to save a request, at most `max_gap` in a row.

Each declared address is covered once per period, except where tags overlap one another over more than a
request holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from iiotctl.site.address import ModbusAddress, Table

LAST_ADDRESS: Final = 65_535


@dataclass(frozen=True, slots=True)
class Extent:
    """What a tag needs: `count` addresses of a table from `offset` on.

    Attributes:
        key: the caller's index of the tag.
        table: data table.
        offset: zero-based.
        count: registers, or 1 for bits.
        period: seconds between scans.
    """

    key: int
    table: Table
    offset: int
    count: int
    period: float

    @property
    def end(self) -> int:
        """One past the last address."""
        return self.offset + self.count


@dataclass(frozen=True, slots=True)
class Limits:
    """What the device takes, and what must not be touched.

    Attributes:
        max_gap: undeclared registers (or bits) that may be read between two tags.
        max_registers: registers a request.
        max_bits: coils or discrete inputs a request.
        never_read: (table, first, last), both ends included.
    """

    max_gap: int = 0
    max_registers: int = 125
    max_bits: int = 2000
    never_read: tuple[tuple[Table, int, int], ...] = ()

    def most(self, table: Table) -> int:
        """Addresses a request may hold."""
        return self.max_bits if table.is_bits else self.max_registers

    def forbids(self, table: Table, start: int, end: int) -> bool:
        """True when start..end (end exclusive) touches a range that must not be read."""
        return any(t is table and start <= last and first < end for t, first, last in self.never_read)


@dataclass(frozen=True, slots=True)
class Block:
    """One request.

    Attributes:
        table: data table; its function code is `table.function_code`.
        start: first address.
        count: addresses.
        period: seconds between scans.
        keys: the tags in it, by their extents' keys.
        note: why it is not merged with its neighbour, when a refusal is the cause.
    """

    table: Table
    start: int
    count: int
    period: float
    keys: tuple[int, ...] = ()
    note: str = field(default="", compare=False)

    @property
    def end(self) -> int:
        """One past the last address."""
        return self.start + self.count

    @property
    def payload(self) -> int:
        """Bytes of data in the answer."""
        return (self.count + 7) // 8 if self.table.is_bits else 2 * self.count

    def __str__(self) -> str:
        last = self.end - 1
        places = f"{self.start}" if last == self.start else f"{self.start}-{last}"
        return f"FC {self.table.function_code} {self.table}:{places}"


Cuts = Mapping[Table, Mapping[int, int]]
"""Per table: addresses that begin a new request -> the exception code that taught it."""

_NO_CUTS: Final[Cuts] = {}


def plan(extents: Iterable[Extent], limits: Limits, cuts: Cuts = _NO_CUTS) -> tuple[Block, ...]:
    """The requests for all extents, sorted by period, table and address.

    Extents inside `never_read` are left out: the site check has refused them, and reading is worse than
    not reading.
    """
    groups: dict[tuple[float, Table], list[Extent]] = {}
    for extent in extents:
        if not limits.forbids(extent.table, extent.offset, extent.end):
            groups.setdefault((extent.period, extent.table), []).append(extent)
    order = list(Table)
    blocks: list[Block] = []
    for period, table in sorted(groups, key=lambda group: (group[0], order.index(group[1]))):
        blocks += _merge(table, period, groups[period, table], limits, cuts.get(table, {}))
    return tuple(blocks)


def _merge(
    table: Table, period: float, extents: list[Extent], limits: Limits, cuts: Mapping[int, int]
) -> Iterable[Block]:
    places = sorted(cuts)
    keys: list[int] = []
    start = end = -1
    note = ""
    for extent in sorted(extents, key=lambda e: (e.offset, -e.count, e.key)):
        cut = _cut_between(places, start, end, extent) if keys else None
        fits = (
            bool(keys)
            and cut is None
            and extent.offset - end <= limits.max_gap
            and max(end, extent.end) - start <= limits.most(table)
            and not (extent.offset > end and limits.forbids(table, end, extent.offset))
        )
        if fits:
            keys.append(extent.key)
            end = max(end, extent.end)
            continue
        if keys:
            yield Block(table, start, end - start, period, tuple(keys), note)
        note = "" if cut is None else f"split after exception {cuts[cut]:02d}"
        keys, start, end = [extent.key], extent.offset, extent.end
    if keys:
        yield Block(table, start, end - start, period, tuple(keys), note)


def _cut_between(places: Sequence[int], start: int, end: int, extent: Extent) -> int | None:
    # tags that overlap the block cannot be parted from it by a cut: they would be read twice
    if extent.offset < end:
        return None
    return next((place for place in places if start < place <= extent.offset), None)


def halves(block: Block, extents: Mapping[int, Extent]) -> tuple[Block, Block] | None:
    """A refused block in two, parted between tags as near the middle as may be; None when it cannot be parted."""
    members = sorted((extents[key] for key in block.keys), key=lambda e: (e.offset, -e.count, e.key))
    places: list[tuple[int, int]] = []
    end = members[0].end
    for index, extent in enumerate(members[1:], start=1):
        if extent.offset >= end:
            places.append((index, end))
        end = max(end, extent.end)
    if not places:
        return None
    index, left_end = min(places, key=lambda place: abs(place[0] - len(members) / 2))
    left, right = members[:index], members[index:]
    first = Block(
        block.table,
        left[0].offset,
        left_end - left[0].offset,
        block.period,
        tuple(e.key for e in left),
        block.note,
    )
    second = Block(
        block.table,
        right[0].offset,
        max(e.end for e in right) - right[0].offset,
        block.period,
        tuple(e.key for e in right),
        block.note,
    )
    return first, second


def learn(block: Block, code: int, pieces: Sequence[tuple[Block, int]]) -> dict[int, int]:
    """Cuts to remember after a refused block was taken apart.

    Args:
        block: the request that was refused.
        code: the exception code it got.
        pieces: what it was parted into, in order of address, each with the exception code that it still
            got (0 = answered). Pieces that are still refused hold a single run of tags.

    Returns:
        address -> exception code. Around refused pieces only, so that their neighbours stay merged; when
        every piece was answered (a hole between them, or a limit of the device), at each piece.
    """
    refused = [(piece, own) for piece, own in pieces if own]
    if not refused:
        return {piece.start: code for piece, _ in pieces[1:]}
    cuts: dict[int, int] = {}
    for piece, own in refused:
        if piece.start > block.start:
            cuts[piece.start] = own
        if piece.end < block.end:
            cuts[piece.end] = own
    return cuts


def touches(address: ModbusAddress, count: int, never_read: Collection[tuple[Table, int, int]]) -> str | None:
    """The first `never_read` range that a tag touches, as text, or None."""
    for table, first, last in never_read:
        if table is address.table and address.offset <= last and first < address.offset + count:
            return f"{table}:{first}-{last}" if last > first else f"{table}:{first}"
    return None
