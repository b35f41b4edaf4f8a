"""What a damaged segment cost: committed samples that cannot be read any more are a gap, like any other loss.

Behind the damaged place a segment is not believed. What its sources had committed there is missing from the last
sample (or sign of life) before that place to the first one in a later segment. A segment that a crash cut off while
it was being written has nothing behind: its hole begins where the `restart` gap begins anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from iiotctl.quality import BAD
from iiotctl.samples import NULL_TIME, Gap, GapReason
from iiotctl.store import spool
from iiotctl.store.durable import Disk
from iiotctl.store.layout import Layout
from iiotctl.store.state import State


def holes(segment: spool.Segment, layout: Layout, state: State) -> list[Gap]:
    """A gap for each source that lost something; the same ones however often it is asked.

    Args:
        segment: as far as it could be read.
        layout: of the store; later segments are looked up there.
        state: what is known of sources and of later commits.
    """
    if segment.tail_is_blank:
        return []
    later = [one for one in spool.read_spool(layout) if one.name > segment.name]
    begun = int(segment.header.get("at", 0))
    before = _times(segment, state, last=True)
    found = []
    for number, source in enumerate(sorted({*state.alive, *before}), start=1):
        start = max([segment.alive.get(source, begun), *before.get(source, ())]) + 1
        end = state.alive.get(source, start - 1)
        if later:
            # what was committed after the segment was closed stands in the next one
            firsts = [ts - 1 for one in later for ts in _times(one, state, last=False, after=start).get(source, ())]
            end = min([int(later[0].header.get("at", end)), *firsts])
        if end >= start:
            name = f"{segment.name}-damaged-{number}"
            found.append(Gap(name, source, None, start, end, GapReason.DAMAGED, end))
    return found


def put_aside(segment: spool.Segment, layout: Layout, disk: Disk) -> Path:
    """Keep a damaged segment out of the way: the bytes behind the damaged place may still help a person."""
    aside = layout.spool / "damaged" / segment.path.name
    disk.make_dir(aside.parent)
    disk.rename(segment.path, aside)
    return aside


def _times(segment: spool.Segment, state: State, *, last: bool, after: int = NULL_TIME) -> dict[str, Sequence[int]]:
    """By source the time of the last (or of the first since `after`) sample that is not Bad."""
    found: dict[str, int] = {}
    pick = np.maximum if last else np.minimum
    for coded in segment.coded_frames():
        tag, ts = coded["tag"].to_numpy(), coded["ts"].to_numpy()
        is_wanted = ts >= after
        if "quality" in coded.columns:
            is_wanted &= coded["quality"].to_numpy() < BAD
        for code in np.unique(tag[is_wanted]).tolist():
            source = state.sources.get(segment.names[code])
            if source is not None:
                best = int(pick.reduce(ts[is_wanted & (tag == code)]))
                known = found.get(source, best)
                found[source] = max(known, best) if last else min(known, best)
    return {source: (ts,) for source, ts in found.items()}
