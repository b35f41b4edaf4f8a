"""The stages between a source and the spool, and how a tag of the site file goes through each of them.

`Recorder.samples` calls them in the order in which they stand here.
"""

from __future__ import annotations

from collections.abc import Callable

from iiotctl.capture.deadband import Deadband
from iiotctl.capture.filter import Filter, FilterTag
from iiotctl.capture.rollup import Rollups
from iiotctl.capture.tagtable import Manner
from iiotctl.events import Event, Level
from iiotctl.samples import SampleBatch
from iiotctl.sources.base import CapturedTag


class Stages:
    """State of all tags of a run.

    Attributes:
        filter: what was delivered before is dropped.
        rollups: what each tag's samples of an interval come to; may stand for the samples.
        deadband: small changes are not stored.
    """

    def __init__(self) -> None:
        self.filter = Filter()
        self.rollups = Rollups()
        self.deadband = Deadband()

    def define(self, item: CapturedTag, manner: Manner) -> None:
        """A tag begins or changes."""
        tag = item.tag
        intervals = [round(interval * 1e6) for interval in tag.rollup]
        self.filter.define([FilterTag(item.code, manner.stamped_here, manner.in_order)])
        self.rollups.define(item.code, (tag.source, tag.name), intervals, raw=tag.raw)
        self.deadband.define(item.code, tag.deadband_absolute, round(tag.heartbeat * 1e6))

    def tell(self, on_event: Callable[[Event], None], now: int) -> None:
        """Say what a person may want to know since the last call; `now` in µs UTC."""
        for name in self.rollups.new_texts():
            text = "a text has no roll-up; what it delivers is stored as it comes"
            on_event(Event(Level.WARNING, "rollup-of-text", text, tag=name, at=now))

    def nulled(self, nulls: SampleBatch) -> None:
        """Null samples of a failure were stored; the next value passes whatever it is."""
        self.filter.nulled(nulls)
        self.deadband.interrupted(nulls)
