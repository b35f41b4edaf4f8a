"""All that a check gets to see of one tag: facts, feature table, operating state, what was learnt, what the store noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.base import Learnt
    from iiotctl.checks.baseline.model import TagBaseline
    from iiotctl.checks.features.columns import Features
    from iiotctl.checks.relations.votes import Vote


class State(IntEnum):
    """Operating state of a tag's unit in one window."""

    UNKNOWN = 0
    OFF = 1
    RAMP = 2
    STEADY = 3
    MAINTENANCE = 4


@dataclass(frozen=True, slots=True)
class Calibration:
    """One calibration of a tag's sensor. An error is what it showed less what the reference showed.

    Attributes:
        at: µs UTC, midnight of its date.
        as_found: error before any adjustment, in `unit`; None = new, or not noted.
        as_left: error afterwards; None = not adjusted.
        tolerance: largest error that is allowed, in `unit`, > 0.
        unit: of the numbers; "" = the tag's, `%` = of the tag's span.
        where: `calibrations.csv:4`.
    """

    at: int
    as_found: float | None
    as_left: float | None
    tolerance: float
    unit: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class TagInfo:
    """What site file and store say of a tag; all optional but the name.

    Attributes:
        tag, asset, source, unit, kind, description, type: as in the tags table.
        stepped: holds its value until the next sample (states, setpoints, texts).
        text: it has texts, no numbers.
        mode: `polled`, `exception` (report by exception), `imported`, …
        period: s, scan period; None = not known.
        deadband, heartbeat: engineering units, s; None = none.
        span: measuring range, engineering units.
        limits: operating limits by name: `low`, `high`, `low_low`, `high_high`.
        rollover: counter range.
        twin, siblings: names of related tags, as declared.
        criticality: low, medium or high.
        units_seen: each unit that the tags table names within the range with the time from when, µs UTC.
        calibrations: records of its sensor, by date.
    """

    tag: str
    asset: str = ""
    source: str = ""
    unit: str = ""
    kind: str = ""
    description: str = ""
    type: str = ""
    stepped: bool = False
    text: bool = False
    mode: str = ""
    period: float | None = None
    deadband: float | None = None
    heartbeat: float | None = None
    span: tuple[float, float] | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    rollover: float | None = None
    twin: str = ""
    siblings: tuple[str, ...] = ()
    criticality: str = "medium"
    units_seen: tuple[tuple[int, str], ...] = ()
    calibrations: tuple[Calibration, ...] = ()


@dataclass(frozen=True, slots=True)
class Hole:
    """A row of the gaps table that covers this tag: µs UTC (end None = open) and the reason."""

    start: int
    end: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Disorder:
    """Rows whose times were not in order when they came, as the store noted it at import or capture.

    Attributes:
        start, end: µs UTC, of the rows concerned.
        kind: `repeated` (same time and value again), `conflicting` (same time, another value), `backward` (time
            stepped back in the order of arrival).
        rows: how many.
        step: s, largest step back; 0 for the other kinds.
    """

    start: int
    end: int
    kind: str
    rows: int
    step: float = 0.0


@dataclass(frozen=True, slots=True)
class Anchors:
    """Winnowed hashes of 32 consecutive values (about one in 32 rows), for repeats.

    Attributes:
        ts: (m,) int64, µs UTC of the last value of the 32, ascending.
        hash: (m,) uint64.
    """

    ts: npt.NDArray[np.int64]
    hash: npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class TagData:
    """One tag, ready to be judged.

    Attributes:
        info: facts.
        features: learning period (where it is part of this run) and judged range in one table.
        learning: (n,) bool, windows of the learning period; none where a frozen baseline is used.
        judged: (n,) bool, windows inside the range that the user asked about.
        state: (n,) uint8 of `State`.
        settled: (n,) bool, False for the settle time after a change of state.
        baseline: quantiles of the learning period; None = none could be learnt.
        learnt: what the check itself learnt (`Check.learn`), set by the runner for each check; {} = nothing.
        holes: gaps of the tag or its source that touch the range.
        disorder: what the store noted about the order of times.
        anchors: for repeats; None where not asked for.
        last_row: µs UTC of the last row of any quality; None = never one.
        last_change: µs UTC of the last row whose value differs from the one before it.
        vote: what related tags say of it; None where it has none, or no check asked.
        now: µs UTC, the moment against which "stopped" is judged: the end of the range or the clock.
    """

    info: TagInfo
    features: Features
    learning: npt.NDArray[np.bool_]
    judged: npt.NDArray[np.bool_]
    state: npt.NDArray[np.uint8]
    settled: npt.NDArray[np.bool_]
    now: int
    baseline: TagBaseline | None = None
    learnt: Learnt = field(default_factory=dict)
    holes: Sequence[Hole] = ()
    disorder: Sequence[Disorder] = ()
    anchors: Anchors | None = None
    last_row: int | None = None
    last_change: int | None = None
    vote: Vote | None = None
