"""What a capture did, in figures: for the line at its end, the live table and the status file."""

from __future__ import annotations

from dataclasses import dataclass

from iiotctl.completeness import Completeness
from iiotctl.samples import GapReason
from iiotctl.sources.base import SourceState


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """One source.

    Attributes:
        name: name in the site file.
        type: type in the site file.
        endpoint: where it is.
        state: what it is doing.
        detail: why, in a few words.
        tags: number of its tags.
        failing_tags: tags with a gap of their own that lasts.
        samples: delivered in this run.
        rate: samples a second, smoothed.
        lag_s: how late it is, seconds.
        cycles: scans done.
        late_cycles: scans that came too late or not at all.
        requests: requests sent.
        reconnects: connections made again.
        clock_offset_s: clock of the device minus ours, None = unknown.
        gaps: outages of this run (see `outages`), those of single tags included.
        gap_since: µs UTC, start of the gap that all of it is in; None = it delivers.
        error: why it is down, as `IiotctlError.as_dict`; None = no more is known than `detail`.
    """

    name: str
    type: str
    endpoint: str
    state: SourceState
    detail: str
    tags: int
    failing_tags: int
    samples: int
    rate: float
    lag_s: float
    cycles: int
    late_cycles: int
    requests: int
    reconnects: int
    clock_offset_s: float | None
    gaps: int
    gap_since: int | None
    error: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class GapFigures:
    """Outages of one cause (see `outages`): how many, and their seconds; those that last count up to now."""

    reason: GapReason
    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TagFigures:
    """How complete the record of one tag is in this run.

    Attributes:
        tag: name in the site file.
        source: name of its source.
        completeness: since the run began, or the tag joined it.
        samples: delivered.
        expected: scans in that time; None where the tag is not asked once a period by us.
    """

    tag: str
    source: str
    completeness: Completeness
    samples: int
    expected: int | None


@dataclass(frozen=True, slots=True)
class TriggerFigures:
    """One trigger.

    Attributes:
        text: as the user wrote it.
        armed: false from when it fired until its condition is left.
        fired: how often it fired.
        fired_at: µs UTC, the last time; 0 = never.
    """

    text: str
    armed: bool
    fired: int
    fired_at: int


@dataclass(frozen=True, slots=True)
class RingFigures:
    """The trigger ring.

    Attributes:
        keep_s: seconds it is to reach back.
        held_s: seconds it reaches back now.
        reach_s: seconds it can reach back with its memory at the present rate; None = not known yet.
        samples: samples in it.
        bytes: bytes it takes.
        memory: bytes it may take.
        tags: tags that go through it.
        kept: samples stored because of a trigger.
        is_open: a window is being stored now.
        triggers: one each.
    """

    keep_s: float
    held_s: float
    reach_s: float | None
    samples: int
    bytes: int
    memory: int
    tags: int
    kept: int
    is_open: bool
    triggers: tuple[TriggerFigures, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A run so far, or as it ended.

    Attributes:
        run: id of the run.
        store: folder of the store.
        started_us: µs UTC.
        seconds: it has run for.
        delivered: samples that sources handed over.
        stored: samples that are durable.
        suppressed: not stored because of a deadband.
        rolled_up: not stored because a roll-up stands for them.
        rollups: roll-ups that are durable.
        redelivered: not stored because they are stored already.
        dropped: lost to the disk or a backlog; they are in the gaps.
        waiting: not durable yet.
        bytes: written to the spool.
        sealed_files: Parquet files made.
        sealed_bytes: size of these.
        commits: commits done.
        durable_until: µs UTC, 0 = nothing yet.
        blocked: why nothing is stored at the moment, or None.
        gaps: by cause.
        sources: one each.
        whole: how complete the record of all its tags is, so far.
        planned_gaps: of the gaps those since an earlier run that was stopped in order.
        ring: the trigger ring; None = there is none.
        stopped_by: `duration`, `signal`, `request`, `ended`, or "" while it runs.
    """

    run: str
    store: str
    started_us: int
    seconds: float
    delivered: int
    stored: int
    suppressed: int
    redelivered: int
    dropped: int
    waiting: int
    bytes: int
    sealed_files: int
    sealed_bytes: int
    commits: int
    durable_until: int
    blocked: GapReason | None
    gaps: tuple[GapFigures, ...]
    sources: tuple[SourceFigures, ...]
    whole: Completeness
    planned_gaps: int = 0
    rolled_up: int = 0
    rollups: int = 0
    ring: RingFigures | None = None
    stopped_by: str = ""

    @property
    def gap_count(self) -> int:
        """Gaps of all causes."""
        return sum(gap.count for gap in self.gaps)
