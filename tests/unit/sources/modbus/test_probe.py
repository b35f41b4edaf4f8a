"""The register probe: it finds exactly what exists, within what was named, in a bounded number of requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.site.address import Table
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.plan import Block, Limits
from iiotctl.sources.modbus.probe import Span, State, Stretch, blocks, most_requests, probe

HOLDING = Table.HOLDING
ILLEGAL = Failure(Kind.REFUSED, code=2)


def run(
    ranges: Sequence[Span],
    device: Callable[[Block], bytes | Failure],
    limits: Limits = Limits(),  # noqa: B008 - frozen
    *,
    size: int = 32,
    most: int = 500,
) -> tuple[list[Stretch], list[Block]]:
    asked: list[Block] = []
    strategy = probe(ranges, limits, size=size, most=most)
    try:
        block = next(strategy)
        while True:
            asked.append(block)
            block = strategy.send(device(block))
    except StopIteration as end:
        return end.value, asked


def registers(existing: set[int]) -> Callable[[Block], bytes | Failure]:
    def device(block: Block) -> bytes | Failure:
        wanted = range(block.start, block.end)
        return b"".join(at.to_bytes(2, "big") for at in wanted) if existing >= set(wanted) else ILLEGAL

    return device


def test_a_hole_is_found_and_the_rest_is_read() -> None:
    found, asked = run([(HOLDING, 0, 31)], registers(set(range(32)) - {9}))
    assert [(str(s), s.state) for s in found] == [
        ("holding:0-8", State.EXISTS),
        ("holding:9", State.ILLEGAL),
        ("holding:10-31", State.EXISTS),
    ]
    assert found[2].data[:2] == (10).to_bytes(2, "big")
    assert len(asked) == 11


@given(
    st.lists(st.tuples(st.integers(0, 80), st.integers(0, 30)), min_size=1, max_size=3),
    st.sets(st.integers(0, 120)),
    st.lists(st.tuples(st.integers(0, 110), st.integers(0, 5)), max_size=3),
    st.integers(1, 40),
)
def test_what_exists_is_told_exactly_and_nothing_else_is_asked(
    named: list[tuple[int, int]], existing: set[int], never: list[tuple[int, int]], size: int
) -> None:
    ranges = [(HOLDING, first, first + extra) for first, extra in named]
    limits = Limits(never_read=tuple((HOLDING, first, first + extra) for first, extra in never))
    wanted = {at for _, first, last in ranges for at in range(first, last + 1)}
    forbidden = {at for _, first, last in limits.never_read for at in range(first, last + 1)}
    found, asked = run(ranges, registers(existing), limits, size=size, most=10_000)
    touched = {at for block in asked for at in range(block.start, block.end)}
    assert touched == wanted - forbidden
    told = {at: s.state for s in found for at in range(s.first, s.last + 1)}
    assert told == {
        at: State.NOT_ASKED if at in forbidden else State.EXISTS if at in existing else State.ILLEGAL for at in wanted
    }
    assert sum(s.count for s in found) == len(wanted)
    assert len(asked) <= most_requests(blocks(ranges, limits, size)[0])
    for stretch in found:
        if stretch.state is State.EXISTS:
            assert stretch.data == b"".join(at.to_bytes(2, "big") for at in range(stretch.first, stretch.last + 1))


def test_a_device_without_the_table_is_asked_once() -> None:
    found, asked = run([(HOLDING, 0, 99)], lambda _: Failure(Kind.REFUSED, code=1))
    assert len(asked) == 1
    assert [(s.count, s.state, s.note) for s in found] == [(100, State.ILLEGAL, "exception 01 (illegal function)")]


@pytest.mark.parametrize(
    ("failure", "requests"),
    [
        (Failure(Kind.TIMEOUT, cause="no answer"), 2),
        (Failure(Kind.GATEWAY, code=11), 2),
        (Failure(Kind.DISCONNECTED, cause="gone"), 1),
        (Failure(Kind.REFUSED, code=4), 4),
    ],
)
def test_a_device_that_falls_silent_is_left_alone(failure: Failure, requests: int) -> None:
    found, asked = run([(HOLDING, 0, 127)], lambda _: failure)
    assert len(asked) == requests
    assert sum(s.count for s in found) == 128
    assert found[0].state is State.FAILED
    assert (found[-1].state is State.NOT_ASKED) == (requests < 4)


def test_the_limit_of_requests_holds() -> None:
    found, asked = run([(HOLDING, 0, 999)], registers(set()), most=20)
    assert len(asked) == 20
    assert found[-1].state is State.NOT_ASKED
    assert "20 requests" in found[-1].note


def test_limits_of_the_device_hold() -> None:
    _, asked = run([(HOLDING, 0, 99)], registers(set(range(100))), Limits(max_registers=10))
    assert {block.count for block in asked} == {10}


def test_bits_stay_packed_as_they_came() -> None:
    found, _ = run([(Table.COIL, 0, 39)], lambda block: bytes(block.payload))
    assert [(str(s), len(s.data)) for s in found] == [("coil:0-31", 4), ("coil:32-39", 1)]
