"""Tags and checks that say what a test wants them to, without samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from iiotctl.checks.base import Check, Judged, Spell, Verdict
from iiotctl.checks.features.columns import COLUMNS, DOUBLE, HOUR, MINUTE, Features
from iiotctl.checks.tagdata import State, TagData, TagInfo
from iiotctl.findings import Confidence, Ne107, Severity

START = 20514 * 24 * HOUR
Want = Callable[[TagData], Verdict]


def at(minutes: float) -> int:
    """µs UTC, minutes behind the beginning of the table."""
    return START + round(minutes * MINUTE)


def tag(
    name: str = "PT1",
    *,
    windows: int = 1000,
    learning: int = 0,
    state: int = State.STEADY,
    without: slice = slice(0, 0),
    **facts: Any,
) -> TagData:
    """A tag that reports 6 rows a minute at level 50; none in the windows `without`."""
    columns = {column: np.full(windows, 1.0, np.float64 if column in DOUBLE else np.float32) for column in COLUMNS}
    columns["rows"][:] = columns["n"][:] = 6
    columns["median"][:] = 50
    columns["rows"][without] = columns["n"][without] = 0
    columns["median"][without] = np.nan
    first = np.arange(windows) < learning
    return TagData(
        info=TagInfo(name, **facts),
        features=Features(MINUTE, START, columns),
        learning=first,
        judged=np.ones(windows, np.bool_),
        state=np.full(windows, state, np.uint8),
        settled=np.ones(windows, np.bool_),
        now=START + windows * MINUTE,
    )


def spell(start: float, end: float | None, **more: Any) -> Spell:
    """A spell in minutes behind the beginning."""
    facts: dict[str, Any] = {"statistic": 2.0, "limit": 1.0, "message": "held 50 bar"} | more
    return Spell(at(start), None if end is None else at(end), **facts)


@dataclass(frozen=True, slots=True)
class NoParams:
    """Nothing to set."""


def check(judge: Any, id_: str = "fake", **more: Any) -> Check:
    """A check that judges as told."""
    facts: dict[str, Any] = {
        "title": "Fake",
        "severity": Severity.MEDIUM,
        "confidence": Confidence.HIGH,
        "ne107": Ne107.FAILURE,
        "params": NoParams,
        "second_cause": "the process stands still",
        "action": "look at the transmitter",
        "learns": False,
    }
    return Check(id=id_, judge=judge, **(facts | more))


def says(*spells: Spell) -> Callable[[TagData, Any], Verdict]:
    """A judgement: these spells at every tag."""
    return lambda data, params: Judged(spells)


def says_of(by_tag: Mapping[str, Verdict]) -> Callable[[Sequence[TagData], Any], Mapping[str, Verdict]]:
    """A judgement of all tags together."""
    return lambda tags, params: by_tag
