"""Tags whose next answer was still awaited when a run ended: the account of their source is no account of them.

A source's run is known to have lasted until the latest sample of any of its tags; the gap until the next run begins
there. A tag that had waited longer than usual for its own sample (a slow device, a starved machine) was not heard
from its last one on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from iiotctl.capture.gapbook import GapBook
from iiotctl.capture.tagtable import manner_of, period_us
from iiotctl.samples import Gap, GapReason
from iiotctl.site.sources import SourceConfig
from iiotctl.sources.base import CapturedTag
from iiotctl.store.state import Recovery

_USUAL: Final = 2
"""Periods between two samples of a polled tag that are nothing unusual."""


def gaps(
    book: GapBook, source: tuple[str, SourceConfig], captured: Sequence[CapturedTag], past: Recovery, at: int
) -> list[Gap]:
    """Gap rows from the last sample of such a tag to the end of the account of its source.

    Args:
        book: of the run.
        source: its name and configuration; tags that come on change are silent for other reasons and have none.
        captured: its tags; those with a deadband or in roll-ups only have no sample at each scan, and no row here.
        past: what the earlier run left.
        at: µs UTC, now.
    """
    name, config = source
    end = past.alive.get(name)
    if past.clean or end is None or manner_of(config).exception:
        return []
    told = {gap.tag for gap in past.open_gaps if gap.source == name}
    if None in told:
        return []
    rows = []
    for item in captured:
        row = past.last.get(item.tag.name)
        if row is None or row.good_ts is None or item.tag.name in told:
            continue
        if item.tag.deadband is not None or not item.tag.raw:
            continue
        if row.ts == row.good_ts and end - row.good_ts > _USUAL * period_us(item.tag, config):
            rows.append(book.record(name, item.code, (row.good_ts + 1, end), GapReason.RESTART, at))
    return rows
