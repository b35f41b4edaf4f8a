"""One door to all modes: blocks of rows of a tag, in the order asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from iiotctl.history.retrieval import chunks as pieces
from iiotctl.history.retrieval import lttb, texts
from iiotctl.history.retrieval.block import Block, joined
from iiotctl.history.retrieval.interpolated import interpolated
from iiotctl.history.retrieval.plot import plot
from iiotctl.history.retrieval.request import Boundary, Mode, Request

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.history.sql.reader import Reader
    from iiotctl.history.tagfacts import TagFacts

_MOST_AT_ONCE: Final = 2_000_000
"""Samples that LTTB looks at in memory; of more, only the extremes of four times as many intervals as it shall keep
(MinMaxLTTB, Van Der Donckt 2023)."""
_PRESELECTED: Final = 4
_TOGETHER: Final = 500_000
"""Samples of several tags that are in memory at a time."""
_MOST_TAGS: Final = 64


def retrieve(reader: Reader, facts: TagFacts, request: Request) -> Iterator[Block]:
    """Rows of one tag.

    Args:
        reader: over the whole store, because neighbours may lie far outside the range.
        facts: the tag.
        request: what is asked.

    Yields:
        Blocks of any size, none empty; rows by time, against it when `request.descending`.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    for block in _MODES[request.mode](reader, facts, request):
        if len(block):
            yield block[::-1] if request.descending else block


def retrieve_all(reader: Reader, tags: Sequence[TagFacts], request: Request) -> Iterator[tuple[TagFacts, Block]]:
    """Rows of many tags, one tag after the other; see `retrieve`.

    Recorded samples of tags that have few are read together: alone, each would cost a pass over the same parts of files.
    """
    if request.mode is not Mode.RAW or request.windows is not None or len(tags) == 1:
        for facts in tags:
            for block in retrieve(reader, facts, request):
                yield facts, block
        return
    held = pieces.counts(reader, [facts.tag for facts in tags], request.start, request.end)
    for group in _groups(tags, held):
        names = [facts.tag for facts in group]
        read = None
        if len(group) > 1:
            text = request.text and any(held[tag][1] for tag in names if tag in held)
            read = pieces.together(reader, names, request.start, request.end, text=text)
            request.tally.update({tag: len(block) for tag, block in read.items()})
        for facts in group:
            blocks = (
                retrieve(reader, facts, request) if read is None else _given(reader, facts, request, read[facts.tag])
            )
            for block in blocks:
                yield facts, block


def _groups(tags: Sequence[TagFacts], held: Mapping[str, tuple[int, int]]) -> Iterator[list[TagFacts]]:
    """Tags in their order, as many together as memory does not notice."""
    group: list[TagFacts] = []
    rows = 0
    for facts in tags:
        number, _ = held.get(facts.tag, (0, 0))
        if group and (rows + number > _TOGETHER or len(group) == _MOST_TAGS):
            yield group
            group, rows = [], 0
        group.append(facts)
        rows += number
    yield group


def _given(reader: Reader, facts: TagFacts, request: Request, rows: Block) -> Iterator[Block]:
    """Recorded samples that have been read, with their boundaries."""
    before, after = _ends(reader, facts, request, request.start, request.end)
    for block in (after, rows, before) if request.descending else (before, rows, after):
        if len(block):
            yield block[::-1] if request.descending else block


def is_stepped(facts: TagFacts, request: Request) -> bool:
    """Whether the value holds between samples."""
    return facts.stepped if request.stepped is None else request.stepped


def _raw(reader: Reader, facts: TagFacts, request: Request) -> Iterator[Block]:
    for start, end in request.stretches:
        ends = _ends(reader, facts, request, start, end)
        if request.descending:
            ends.reverse()
        yield ends[0]
        yield from _samples(reader, facts, request, [(start, end)])
        yield ends[1]


def _samples(
    reader: Reader, facts: TagFacts, request: Request, stretches: Iterable[tuple[int, int]]
) -> Iterator[Block]:
    for start, end in stretches:
        for block in pieces.chunks(reader, facts.tag, start, end, descending=request.descending, text=request.text):
            request.tally[facts.tag] += len(block)
            yield block


def _ends(reader: Reader, facts: TagFacts, request: Request, start: int, end: int) -> list[Block]:
    """What the boundary adds before and behind a stretch."""
    tag = facts.tag
    nothing = joined(tag, [])
    if request.boundary is Boundary.INSIDE:
        return [nothing, nothing]
    before = pieces.neighbour(reader, tag, start, forward=False, text=request.text)
    starts_there = before is not None and before.ts[0] == start  # it stands in the range, and is its own boundary
    if request.boundary is Boundary.OUTSIDE:
        after = pieces.neighbour(reader, tag, end, forward=True, text=request.text)
        return [nothing if before is None or starts_there else before, nothing if after is None else after]
    at_start = [nothing] if starts_there else list(_at(reader, facts, request, _instant(start)))
    return [joined(tag, at_start), joined(tag, list(_at(reader, facts, request, _instant(end))))]


def _instant(at: int) -> npt.NDArray[np.int64]:
    import numpy as np

    return np.array([at], dtype=np.int64)


def _at(reader: Reader, facts: TagFacts, request: Request, times: npt.NDArray[np.int64]) -> Iterator[Block]:
    """Interpolated values at rising times."""
    tag = facts.tag
    start, end = int(times[0]), int(times[-1])

    def stream() -> Iterator[Block]:
        before = pieces.neighbour(reader, tag, start - 1, forward=False, good=True)
        after = pieces.neighbour(reader, tag, end + 1, forward=True, good=True)
        first = start if before is None else int(before.ts[0])
        last = end if after is None else int(after.ts[-1])
        begins = [gap[0] for gap in pieces.gaps(reader, tag, first, last + 1)]
        low = first
        for block in chain((before,), pieces.chunks(reader, tag, start, end + 1), (after,)):
            if block is not None and len(block):
                request.blank[tag] += int(block.blank.sum())
                high = int(block.ts[-1])
                yield pieces.with_holes(block, [at for at in begins if low <= at <= high])
                low = high + 1
        rest = [at for at in begins if low <= at <= last]
        if rest:
            yield pieces.with_holes(joined(tag, []), rest)

    yield from interpolated(tag, stream(), times, stepped=is_stepped(facts, request))


def _interpolated(reader: Reader, facts: TagFacts, request: Request) -> Iterator[Block]:
    import numpy as np

    times = request.times
    assert times is not None
    if request.windows is not None:
        inside = np.zeros(len(times), dtype=bool)
        for start, end in request.windows:
            inside |= (times >= start) & (times < end)
        times = times[inside]
    if not len(times):
        return
    found = list(_at(reader, facts, request, times)) if request.descending else _at(reader, facts, request, times)
    yield from reversed(found) if isinstance(found, list) else found


def _plot(reader: Reader, facts: TagFacts, request: Request) -> Iterator[Block]:
    rows = _thinned(reader, facts, request, request.width)
    return _with_ends(reader, facts, request, rows)


def _lttb(reader: Reader, facts: TagFacts, request: Request) -> Iterator[Block]:
    forward = replace(request, descending=False, text=False)  # texts are looked up for those that are kept
    if pieces.count(reader, facts.tag, forward.stretches) > _MOST_AT_ONCE:
        rows = _thinned(reader, facts, forward, _PRESELECTED * request.width)
    else:
        rows = joined(facts.tag, list(_samples(reader, facts, forward, forward.stretches)))
        request.blank[facts.tag] += int(rows.blank.sum())
    return _with_ends(reader, facts, request, rows[lttb.select(rows, request.width)])


def _thinned(reader: Reader, facts: TagFacts, request: Request, width: int) -> Block:
    stretches = replace(request, descending=False).stretches
    rows, count, blank = plot(reader, facts.tag, (request.start, request.end), stretches, width)
    request.tally[facts.tag] += count
    request.blank[facts.tag] += blank
    return rows


def _with_ends(reader: Reader, facts: TagFacts, request: Request, rows: Block) -> Iterator[Block]:
    """The rows of a drawing with their boundaries; few enough to turn round."""
    stretches = replace(request, descending=False).stretches
    if not stretches:
        return
    before, after = _ends(reader, facts, request, stretches[0][0], stretches[-1][1])
    rows = texts.filled(reader, rows) if request.text else rows
    yield from (after, rows, before) if request.descending else (before, rows, after)


_MODES: Final = {Mode.RAW: _raw, Mode.INTERPOLATED: _interpolated, Mode.PLOT: _plot, Mode.LTTB: _lttb}
