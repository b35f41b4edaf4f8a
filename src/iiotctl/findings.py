"""A finding: what is wrong, where, since when, how sure, by what evidence, and what a person can do. No I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

Evidence = Mapping[str, "float | int | str | bool | Sequence[float | None] | None"]


class Severity(StrEnum):
    """How much it matters, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 = critical … 4 = info: sorts worst first."""
        return _RANKS[self]

    def reaches(self, level: Severity) -> bool:
        """Whether it is at least as bad as `level`."""
        return self.rank <= level.rank


_RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}


class Confidence(StrEnum):
    """How sure the check is that its sentence is true."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Ne107(StrEnum):
    """Status signals of NAMUR NE 107 (2017): the letter."""

    FAILURE = "F"
    CHECK = "C"
    SPECIFICATION = "S"
    MAINTENANCE = "M"
    OK = "OK"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        check: slug of the check.
        severity, confidence: of this finding; a check may grade by the strength of its evidence.
        ne107: NE 107 state of the sensor, or None where it does not apply.
        message: one sentence in plant words, with numbers and units.
        tag: the tag that it is about (the culprit), or None.
        tags: all tags of one physical cause or of an undecided pair; () where it is about `tag` alone.
        asset: asset of the tag or host, or "".
        host, port, proto: network place, or None.
        start, end: µs UTC; `end` None = still so at the end of what was looked at.
        evidence: statistic, learnt limit, unit, window, rows used, sparkline …; JSON types.
        second_cause: what else could look like this, usually the process and not the sensor; or "".
        remediation: what a person can do first.
        work_order: text to paste into a work order, or "".
        references: standards, papers.
        key: distinguishes places within a tag or host (`high`, `low`), or "".
        detected_at: µs UTC, when this run saw it.
        first_seen, last_seen: µs UTC, of the earliest and latest run that saw the same fingerprint.
    """

    check: str
    severity: Severity
    confidence: Confidence
    message: str
    ne107: Ne107 | None = None
    tag: str | None = None
    tags: tuple[str, ...] = ()
    asset: str = ""
    host: str | None = None
    port: int | None = None
    proto: str | None = None
    start: int | None = None
    end: int | None = None
    evidence: Evidence = field(default_factory=dict)
    second_cause: str = ""
    remediation: str = ""
    work_order: str = ""
    references: tuple[str, ...] = ()
    key: str = ""
    detected_at: int = 0
    first_seen: int = 0
    last_seen: int = 0

    @property
    def undecided(self) -> bool:
        """It is one of its two tags, and nothing tells which; `either` made its key."""
        return self.tag is None and bool(self.tags) and self.key == either(self.tags)

    @property
    def fingerprint(self) -> str:
        """16 hex digits of check and place; never of time, value, text or threshold."""
        place = (self.check, self.tag or "", self.host or "", str(self.port or ""), self.proto or "", self.key)
        return hashlib.sha256("\0".join(place).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class NotJudged:
    """A check that could not judge a place, or was skipped there, and why.

    Attributes:
        check: slug.
        tag: tag, host or "" for all.
        reason: lower-case sentence, no full stop.
    """

    check: str
    tag: str
    reason: str


def either(tags: Sequence[str]) -> str:
    """`A or B`: the key of a finding about a pair that nobody can decide."""
    return " or ".join(tags)
