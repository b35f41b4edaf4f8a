"""Samples that turn up late, inside gaps that are closed already, cut those gaps."""

from __future__ import annotations

from collections.abc import Mapping

from iiotctl.capture.gapbook import GapBook
from iiotctl.capture.intervals import cut
from iiotctl.capture.ledgerstate import LedgerTag, SourceState
from iiotctl.samples import Gap, SampleBatch


def cut_late(
    book: GapBook, tags: Mapping[int, LedgerTag], source: SourceState, kept: SampleBatch, at: int
) -> list[Gap]:
    """Rows of the gaps that stored samples fall into; a gap of the whole source is split by tag.

    Args:
        book: the gaps.
        tags: all tags by code.
        source: where the samples come from.
        kept: samples that will be stored.
        at: now, µs UTC.
    """
    inside = (kept.ts <= book.latest_end(source.name)) & (kept.quality < 1 << 31)
    late: dict[int, list[int]] = {}
    for code, ts in zip(kept.tag[inside].tolist(), kept.ts[inside].tolist(), strict=True):
        late.setdefault(code, []).append(ts)
    for times in late.values():
        times.sort()
    rows: list[Gap] = []
    everything = sorted(ts for times in late.values() for ts in times)
    for gap in book.wide_around(source.name, everything):
        row, parts = book.split(gap, source.ever, at)
        hit = {code for code, times in late.items() if any(gap.start <= ts <= gap.end for ts in times)}
        rows += [row, *(book.row(part, at) for part in parts if part.code not in hit)]
    for code, times in late.items():
        if (tag := tags.get(code)) is None:
            continue
        for gap in book.of_tag_around(code, times):
            pieces = cut(gap.start, gap.end, times, period_us=tag.period_us, exception=tag.exception)
            rows += book.replace(gap, pieces, at)
    return rows
