"""The plan reads every declared address once per period, within the limits, and nothing it must not."""

from __future__ import annotations

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from iiotctl.site.address import Table
from iiotctl.sources.modbus.plan import Block, Extent, Limits, halves, learn, plan


@st.composite
def _extents(draw: st.DrawFn, *, overlapping: bool = False) -> list[Extent]:
    """Tags in any order; overlapping ones share their first register (status words read twice) or nothing."""
    extents: list[Extent] = []
    at = dict.fromkeys(Table, 0)
    for key in range(draw(st.integers(1, 40))):
        table = draw(st.sampled_from(Table))
        count = 1 if table.is_bits else draw(st.integers(1, 8))
        offset = at[table] + draw(st.sampled_from([0, 0, 0, 1, 2, 5, 30, 200]))
        if overlapping and draw(st.booleans()):
            offset = max(0, offset - draw(st.integers(0, 3)))
        at[table] = max(at[table], offset + count)
        extents.append(Extent(key, table, offset, count, draw(st.sampled_from([0.5, 1.0, 10.0]))))
    return draw(st.permutations(extents))


@st.composite
def _limits(draw: st.DrawFn) -> Limits:
    forbidden = []
    for _ in range(draw(st.integers(0, 3))):
        first = draw(st.integers(0, 300))
        forbidden.append((draw(st.sampled_from(Table)), first, first + draw(st.integers(0, 20))))
    return Limits(draw(st.integers(0, 20)), draw(st.integers(8, 125)), draw(st.integers(1, 100)), tuple(forbidden))


@given(
    extents=_extents(),
    limits=_limits(),
    cuts=st.dictionaries(st.sampled_from(Table), st.dictionaries(st.integers(0, 300), st.just(2), max_size=5)),
)
def test_every_declared_address_once_and_every_rule_kept(
    extents: list[Extent], limits: Limits, cuts: dict[Table, dict[int, int]]
) -> None:
    blocks = plan(extents, limits, cuts)
    allowed = {e.key: e for e in extents if not limits.forbids(e.table, e.offset, e.end)}
    assert Counter(key for block in blocks for key in block.keys) == Counter(allowed.keys())
    for block in blocks:
        assert 1 <= block.count <= limits.most(block.table)
        assert not limits.forbids(block.table, block.start, block.end)
        members = [allowed[key] for key in block.keys]
        for extent in members:
            assert extent.table is block.table
            assert extent.period == block.period
            assert block.start <= extent.offset
            assert extent.end <= block.end
        declared = sorted({a for e in members for a in range(e.offset, e.end)})
        assert declared[0] == block.start
        assert declared[-1] == block.end - 1
        assert all(b - a <= limits.max_gap + 1 for a, b in itertools.pairwise(declared))
        assert not any(
            block.start < cut < block.end and not any(e.offset < cut < e.end for e in members)
            for cut in cuts.get(block.table, {})
        )
    for period in {e.period for e in allowed.values()}:
        covered = Counter((b.table, a) for b in blocks if b.period == period for a in range(b.start, b.end))
        declared_here = {(e.table, a) for e in allowed.values() if e.period == period for a in range(e.offset, e.end)}
        assert declared_here <= set(covered)
        assert all(times == 1 for times in covered.values())
        if limits.max_gap == 0:
            assert set(covered) == declared_here


@given(extents=_extents(overlapping=True), limits=_limits())
def test_overlapping_tags_are_each_read_whole(extents: list[Extent], limits: Limits) -> None:
    blocks = plan(extents, limits)
    allowed = {e.key: e for e in extents if not limits.forbids(e.table, e.offset, e.end)}
    assert Counter(key for block in blocks for key in block.keys) == Counter(allowed.keys())
    for block in blocks:
        assert block.count <= limits.most(block.table)
        assert not limits.forbids(block.table, block.start, block.end)
        assert all(block.start <= allowed[k].offset and allowed[k].end <= block.end for k in block.keys)


@given(
    extents=_extents(overlapping=True),
    limits=_limits(),
    bad=st.sets(st.integers(0, 400), max_size=6),
    most=st.integers(8, 125),
)
def test_taking_refused_requests_apart_ends_and_costs_only_the_bad_tags(
    extents: list[Extent], limits: Limits, bad: set[int], most: int
) -> None:
    """A device that refuses some addresses (in all tables) and requests of more than `most` addresses."""
    by_key = {e.key: e for e in extents}

    def refuses(block: Block) -> bool:
        return block.count > most or any(a in bad for a in range(block.start, block.end))

    cuts: dict[Table, dict[int, int]] = {}
    for _ in range(60):
        blocks = plan(extents, limits, cuts)
        changed = False
        for block in blocks:
            if not refuses(block):
                continue
            pieces: list[tuple[Block, int]] = []
            waiting = [block]
            while waiting:
                piece = waiting.pop(0)
                parts = halves(piece, by_key) if refuses(piece) else None
                if parts is None:
                    pieces.append((piece, 2 if refuses(piece) else 0))
                else:
                    waiting[:0] = parts
            known = cuts.setdefault(block.table, {})
            new = learn(block, 2, pieces)
            changed = changed or not new.keys() <= known.keys()
            known.update(new)
        if not changed:
            break
    else:
        raise AssertionError("did not settle")
    for block in plan(extents, limits, cuts):
        if refuses(block):
            assert halves(block, by_key) is None, "a refused request still holds tags that could be read"
