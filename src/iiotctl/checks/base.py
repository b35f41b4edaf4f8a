"""What a check of sensors is: metadata, parameters and one pure function from a tag's data to a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from iiotctl.findings import Confidence, Evidence, Ne107, Severity

if TYPE_CHECKING:
    from iiotctl.checks.tagdata import TagData

Learnt = Mapping[str, "float | str | Sequence[float] | Sequence[str]"]
"""What a check learnt of one tag from the learning period; JSON types, kept in the baseline."""


@dataclass(frozen=True, slots=True)
class Spell:
    """One stretch of time in which a check fires.

    Attributes:
        start, end: µs UTC; `end` None = still so at the end of the data.
        statistic, limit: what was measured against what was learnt or given, in `unit`.
        message: one sentence in plant words, with numbers and units; the tag's name is shown beside it.
        unit: of statistic and limit.
        severity, confidence, ne107: where they differ from the check's own.
        evidence: more numbers; JSON types.
        second_cause, action: as in `Finding` (`action` is its remediation); "" = the check's own text.
        tags: the tag and another one, where it is one of them and nothing tells which; else ().
        key: tells apart what one check can find at one tag (`high`, `low`), or "".
    """

    start: int
    end: int | None
    statistic: float
    limit: float
    message: str
    unit: str = ""
    severity: Severity | None = None
    confidence: Confidence | None = None
    ne107: Ne107 | None = None
    evidence: Evidence = field(default_factory=dict)
    second_cause: str = ""
    action: str = ""
    tags: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """The check looked: nothing (`spells` empty: clean) or these stretches."""

    spells: tuple[Spell, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """The check does not apply to this tag (a text, a counter, switched off), and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unjudged:
    """The check applies but could not judge (too little data, no baseline, blinded by a deadband), and why."""

    reason: str


Verdict = Judged | Skipped | Unjudged
JudgeTag = Callable[["TagData", Any], Verdict]
JudgeGroup = Callable[[Sequence["TagData"], Any], Mapping[str, Verdict]]
LearnTag = Callable[["TagData", Any], Learnt]
LearnGroup = Callable[[Sequence["TagData"], Any], Mapping[str, Learnt]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of sensors.

    Attributes:
        id: slug, e.g. `flat-line`; the file is `checks/sensors/flat_line.py`.
        title: short, sentence case.
        severity, confidence, ne107: of a finding whose spell says nothing else.
        params: frozen dataclass with a default and a documented unit for each field.
        judge: scope `tag`: data of one tag -> verdict. Scope `group`: data of all tags -> verdict by tag name.
        learn: what to keep of the learning period in the baseline; None = it uses quantiles only or nothing.
        second_cause, action: texts of a finding whose spell says nothing else.
        references: standards, papers.
        learns: it judges against what was learnt, so it cannot judge the learning period itself.
        moving_only: makes sense only while the process moves; suspended at rest.
        needs: names of feature columns beyond the basic ones (`features/columns.py`), so that a run computes no more.
    """

    id: str
    title: str
    severity: Severity
    confidence: Confidence
    ne107: Ne107
    params: type
    judge: JudgeTag | JudgeGroup
    second_cause: str
    action: str
    scope: Literal["tag", "group"] = "tag"
    learn: LearnTag | LearnGroup | None = None
    references: tuple[str, ...] = ()
    learns: bool = True
    moving_only: bool = False
    needs: frozenset[str] = frozenset()
