"""What raising `max_gap` would save: the same tags planned with other gaps, nothing sent. Pure.

A gap is undeclared registers between two tags. Reading them costs next to nothing on the wire and saves a request,
but they are registers that nobody listed: raising `max_gap` is for a person to decide, with both figures at hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from iiotctl.site.address import Table
from iiotctl.sources.modbus.plan import Block, Cuts, Extent, Limits, plan

OFFERED: Final = (1, 2, 4, 8, 16)
"""Gaps that are offered; wider ones are possible, but then most of what is read is not wanted."""
_NO_CUTS: Final[Cuts] = {}
_ENOUGH: Final = 0.1
"""Share of the requests that a wider gap must save to be worth a word."""
_AS_GOOD: Final = 1.2
"""Of two gaps the smaller is offered when it needs at most this times the requests of the wider."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The plan under one `max_gap`.

    Attributes:
        max_gap: undeclared registers in a row that may be read.
        requests: requests of all periods together.
        per_second: requests a second.
        undeclared: addresses that are read without being declared, a round of all periods.
    """

    max_gap: int
    requests: int
    per_second: float
    undeclared: int


@dataclass(frozen=True, slots=True)
class Advice:
    """How the plan depends on `max_gap`.

    Attributes:
        planned: as the site file says.
        without: with `max_gap = 0`.
        better: a wider gap that saves requests worth a word; None when there is none.
    """

    planned: Outcome
    without: Outcome
    better: Outcome | None


def advise(extents: Sequence[Extent], limits: Limits, cuts: Cuts = _NO_CUTS) -> Advice:
    """Plan with the gap of the limits, with none, and with wider ones; `never_read` holds in each.

    Args:
        extents: what the tags need.
        limits: of the device.
        cuts: places where a request must begin, learnt from refusals.
    """
    declared = _declared(extents, limits)

    def outcome(max_gap: int) -> Outcome:
        blocks = plan(extents, replace(limits, max_gap=max_gap), cuts)
        per_second = sum(1 / block.period for block in blocks if block.period > 0)
        return Outcome(max_gap, len(blocks), per_second, _undeclared(blocks, declared))

    planned = outcome(limits.max_gap)
    wider = [outcome(gap) for gap in OFFERED if gap > limits.max_gap]
    least = min((each.requests for each in wider), default=planned.requests)
    better = next((each for each in wider if each.requests <= _AS_GOOD * least), None)
    if better is not None and better.requests >= (1 - _ENOUGH) * planned.requests:
        better = None
    return Advice(planned, outcome(0), better)


def _declared(extents: Sequence[Extent], limits: Limits) -> Mapping[tuple[Table, float], set[int]]:
    found: dict[tuple[Table, float], set[int]] = {}
    for extent in extents:
        if not limits.forbids(extent.table, extent.offset, extent.end):
            found.setdefault((extent.table, extent.period), set()).update(range(extent.offset, extent.end))
    return found


def _undeclared(blocks: Sequence[Block], declared: Mapping[tuple[Table, float], set[int]]) -> int:
    return sum(
        sum(address not in declared[block.table, block.period] for address in range(block.start, block.end))
        for block in blocks
    )
