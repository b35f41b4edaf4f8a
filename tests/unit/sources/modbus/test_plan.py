"""Examples of request plans."""

from __future__ import annotations

from iiotctl.site.address import Table, parse_address
from iiotctl.sources.modbus.plan import Block, Extent, Limits, halves, learn, plan, touches

H = Table.HOLDING


def _lines(
    extents: list[tuple[int, int]], limits: Limits | None = None, cuts: dict[int, int] | None = None
) -> list[str]:
    tags = [Extent(i, H, offset, count, 1.0) for i, (offset, count) in enumerate(extents)]
    return [str(block) for block in plan(tags, limits or Limits(), {H: cuts or {}})]


def test_neighbours_merge_and_gaps_part_by_default() -> None:
    assert _lines([(0, 2), (2, 1), (4, 2)]) == ["FC 3 holding:0-2", "FC 3 holding:4-5"]


def test_max_gap_reads_over_holes_but_never_over_never_read() -> None:
    assert _lines([(0, 2), (4, 1)], Limits(max_gap=2)) == ["FC 3 holding:0-4"]
    assert _lines([(0, 2), (4, 1)], Limits(max_gap=2, never_read=((H, 3, 3),))) == [
        "FC 3 holding:0-1",
        "FC 3 holding:4",
    ]
    assert _lines([(0, 2), (4, 1)], Limits(max_gap=2, never_read=((Table.INPUT, 3, 3),))) == ["FC 3 holding:0-4"]


def test_a_tag_at_the_limit_moves_whole_into_the_next_request() -> None:
    assert _lines([(0, 124), (124, 2)]) == ["FC 3 holding:0-123", "FC 3 holding:124-125"]


def test_bits_have_their_own_limit() -> None:
    tags = [Extent(i, Table.COIL, i, 1, 1.0) for i in range(20)]
    assert [str(b) for b in plan(tags, Limits(max_bits=16))] == ["FC 1 coil:0-15", "FC 1 coil:16-19"]


def test_tags_on_the_same_registers_share_the_request() -> None:
    assert _lines([(5, 1), (5, 1), (5, 2), (6, 1)]) == ["FC 3 holding:5-6"]


def test_periods_are_planned_apart() -> None:
    tags = [Extent(0, H, 0, 1, 1.0), Extent(1, H, 1, 1, 10.0), Extent(2, H, 2, 1, 1.0)]
    assert [(b.period, str(b)) for b in plan(tags, Limits())] == [
        (1.0, "FC 3 holding:0"),
        (1.0, "FC 3 holding:2"),
        (10.0, "FC 3 holding:1"),
    ]


def test_a_remembered_cut_parts_and_says_why() -> None:
    tags = [Extent(i, H, i, 1, 1.0) for i in range(4)]
    blocks = plan(tags, Limits(), {H: {2: 2}})
    assert [(str(b), b.note) for b in blocks] == [
        ("FC 3 holding:0-1", ""),
        ("FC 3 holding:2-3", "split after exception 02"),
    ]


def test_halves_part_between_tags_near_the_middle() -> None:
    extents = {i: Extent(i, H, 2 * i, 2, 1.0) for i in range(5)}
    block = plan(extents.values(), Limits())[0]
    parts = halves(block, extents)
    assert parts is not None
    assert [str(p) for p in parts] == ["FC 3 holding:0-3", "FC 3 holding:4-9"]
    assert halves(Block(H, 0, 2, 1.0, (0,)), extents) is None


def test_only_the_bad_tag_is_cut_out() -> None:
    whole = Block(H, 0, 10, 1.0)
    pieces = [(Block(H, 0, 5, 1.0), 0), (Block(H, 5, 1, 1.0), 2), (Block(H, 6, 4, 1.0), 0)]
    assert learn(whole, 2, pieces) == {5: 2, 6: 2}


def test_a_device_with_a_smaller_limit_is_remembered_by_every_part() -> None:
    pieces = [(Block(H, 0, 60, 1.0), 0), (Block(H, 60, 65, 1.0), 0)]
    assert learn(Block(H, 0, 125, 1.0), 3, pieces) == {60: 3}


def test_touching_a_forbidden_range_is_told_by_its_text() -> None:
    assert touches(parse_address("holding:499"), 2, [(H, 500, 599)]) == "holding:500-599"
    assert touches(parse_address("holding:498"), 2, [(H, 500, 599)]) is None
    assert touches(parse_address("input:500"), 2, [(H, 500, 599)]) is None
