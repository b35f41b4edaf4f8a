"""Findings against labels: typed recall, false events, precision. Pure."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

NAMES: Final[Mapping[str, frozenset[str]]] = {
    "stuck": frozenset({"flat-line"}),
    "spike": frozenset({"spike"}),
    "drift": frozenset({"drift"}),
    "bias": frozenset({"bias"}),
    "noise": frozenset({"noise-up"}),
    "gap": frozenset({"gap", "stale"}),
    "quantise": frozenset({"quantisation"}),
    "clip": frozenset({"clipping"}),
    "replay": frozenset({"replay"}),
    "skew": frozenset({"clock-skew"}),
    "duplicate": frozenset({"duplicate-timestamp"}),
    "ne43": frozenset({"ne43"}),
    "bad_quality": frozenset({"bad-quality"}),
}
"""Which checks name a kind of fault."""
SLACK: Final = 600.0
"""s by which a finding may miss the label."""
RANKS: Final = {"critical": 0, "high": 1, "medium": 2, "low": 3, "info": 4}
_OPEN: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Label:
    """A fault that was put in: tag, kind, s since 1970, what it was."""

    tag: str
    kind: str
    start: float
    end: float
    param: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding: its tags (of an undecided pair or a common cause all of them), check, rank of its severity, s."""

    tags: frozenset[str]
    check: str
    rank: int
    start: float
    end: float
    message: str = ""

    def touches(self, label: Label) -> bool:
        """Whether it is about the tag and the time of a label."""
        return label.tag in self.tags and self.start <= label.end + SLACK and self.end >= label.start - SLACK


@dataclass(slots=True)
class Score:
    """Sums over weeks.

    Attributes:
        faults, named: labels, and those that a finding names, by kind.
        events: findings that count.
        true: those that touch a label of their tag.
        false: findings on tags without any label, by check.
        elsewhere: findings on a tag with labels, at another time, by check.
        clean_days: days x tags without a label.
        missed, wrong: what to look at.
    """

    faults: Counter[str] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)
    events: int = 0
    true: int = 0
    false: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    clean_days: float = 0.0
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Share of the faults found by the right name."""
        return sum(self.named.values()) / max(1, sum(self.faults.values()))

    @property
    def false_per_day(self) -> float:
        """False events per clean tag and day."""
        return sum(self.false.values()) / max(1e-9, self.clean_days)

    @property
    def precision(self) -> float:
        """Share of the findings that touch a labelled fault of their tag."""
        return self.true / max(1, self.events)


def add(score: Score, found: Sequence[Found], labels: Sequence[Label], tags: int, days: float, *, worst: int) -> None:
    """Add one week.

    Args:
        score: is added to.
        found: findings.
        labels: faults.
        tags: of the week, with and without labels.
        days: from the first to the last sample.
        worst: rank of the mildest severity that counts.
    """
    counted = [one for one in found if one.rank <= worst]
    faulty = {label.tag for label in labels}
    score.clean_days += (tags - len(faulty)) * days
    for label in labels:
        score.faults[label.kind] += 1
        if any(one.touches(label) and one.check in NAMES[label.kind] for one in counted):
            score.named[label.kind] += 1
        else:
            score.missed.append(f"{label.tag} {label.kind} {label.param} ({(label.end - label.start) / 3600:.1f} h)")
    for one in counted:
        score.events += 1
        if any(one.touches(label) for label in labels):
            score.true += 1
        elif one.tags & faulty:
            score.elsewhere[one.check] += 1
        else:
            score.false[one.check] += 1
            score.wrong.append(f"{'+'.join(sorted(one.tags))} {one.check}: {one.message}")


def read_labels(path: Path) -> list[Label]:
    """Rows of `labels.csv`."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Label(row["tag"], row["fault"], seconds(row["start"]), seconds(row["end"]), row.get("param", ""))
            for row in csv.DictReader(file)
        ]


def read_findings(text: str) -> list[Found]:
    """Findings of `audit sensors --format json`; `info` tells of the process, and is no event."""
    document = json.loads(text)
    return [_found(one) for one in document["findings"] if one["severity"] != "info"]


def _found(one: Mapping[str, Any]) -> Found:
    tags: Iterable[str] = [one["tag"]] if one["tag"] else one["tags"]
    end = _OPEN if one["end"] is None else seconds(one["end"])
    return Found(frozenset(tags), one["check"], RANKS[one["severity"]], seconds(one["start"]), end, one["message"])


def seconds(text: str) -> float:
    """s since 1970 of RFC 3339."""
    return datetime.fromisoformat(text).timestamp()
