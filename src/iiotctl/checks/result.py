"""What an audit of sensors came to: all that the reports show. Frozen dataclasses; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from iiotctl.checks.base import Check
from iiotctl.checks.tagdata import TagData
from iiotctl.findings import Finding, NotJudged, Severity


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check that crashed. The others went on; the run ends with exit code 70.

    Attributes:
        check: slug.
        tag: at which tag, "" = at all together.
        error: last line of the traceback, `ValueError: …`.
        where: file and line, `clipping.py:81`.
    """

    check: str
    tag: str
    error: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Exemption:
    """A line of the exceptions file: findings that somebody decided not to be told about.

    Attributes:
        check: slug, or `*`.
        tag: name or pattern with `*`.
        reason, owner: why and who answers for it.
        expires: date `2027-03-31`; the last day on which it holds.
        where: `exceptions.toml:12`.
    """

    check: str
    tag: str
    reason: str
    owner: str
    expires: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Excepted:
    """A finding that an exception covers: listed, not counted."""

    finding: Finding
    exemption: Exemption


@dataclass(frozen=True, slots=True)
class BaselineUse:
    """By what the tags were judged.

    Attributes:
        origin: `file` = a frozen baseline; `learnt` = learnt for this run only; `none` = nothing could be learnt.
        name, version: of the file; "" and 0 without one.
        path: of the file, "" without one.
        sha256: of the file's content, or of what was learnt for this run; "" = nothing.
        start, end: µs UTC, the learning period (the earliest and the latest of its tags); None = nothing learnt.
        tool: version of iiotctl that learnt it.
        approved_by, approved_at: name and µs UTC; "" and None = not approved.
        said: one sentence for the report, e.g. "learnt from the first two days of the store, for this run only".
        tags: how many tags it knows.
    """

    origin: Literal["file", "learnt", "none"]
    said: str
    name: str = ""
    version: int = 0
    path: str = ""
    sha256: str = ""
    start: int | None = None
    end: int | None = None
    tool: str = ""
    approved_by: str = ""
    approved_at: int | None = None
    tags: int = 0


@dataclass(frozen=True, slots=True)
class AuditResult:
    """An audit of sensors.

    Attributes:
        findings: worst first, then by tag and start; without those that an exception covers.
        skipped: checks that do not apply, by tag ("" = at all tags) and why.
        not_judged: checks that apply but could not judge.
        failed: checks that crashed.
        excepted: findings that an exception covers.
        expired: exceptions whose date has passed; they did not apply.
        tags: names of the tags that at least one check judged.
        data: what was judged, one per tag of the selection, by name (trend, limits and baseline for the reports).
        checks: the checks that ran, by id.
        baseline: by what was judged.
        warnings: sentences about what a person should know (state file not writable, files left out, …).
        site: name of the site, or "".
        store: path as given.
        tool: version of iiotctl.
        start, end: µs UTC, the judged range.
        started, ended: µs UTC, of the run itself.
        complete: every check that was chosen could run and something was judged: `failed` is empty and `tags` is not.
    """

    findings: Sequence[Finding]
    skipped: Sequence[NotJudged]
    not_judged: Sequence[NotJudged]
    failed: Sequence[FailedCheck]
    baseline: BaselineUse
    data: Sequence[TagData]
    checks: Mapping[str, Check]
    tags: Sequence[str]
    start: int
    end: int
    started: int
    ended: int
    excepted: Sequence[Excepted] = ()
    expired: Sequence[Exemption] = ()
    warnings: Sequence[str] = field(default_factory=tuple)
    site: str = ""
    store: str = ""
    tool: str = ""

    @property
    def complete(self) -> bool:
        """Whether every chosen check could run, and something was judged."""
        return not self.failed and bool(self.tags)

    @property
    def counts(self) -> dict[str, int]:
        """Findings by severity, worst first; 0 where there is none."""
        return {str(level): sum(one.severity is level for one in self.findings) for level in Severity}

    def data_of(self, tag: str) -> TagData | None:
        """What was judged of a tag; None = not part of the selection."""
        return next((one for one in self.data if one.info.tag == tag), None)

    @property
    def unjudged_tags(self) -> list[str]:
        """Tags that no check of values could judge: every one that applies said why it could not, or crashed."""
        looking = {name for name, check in self.checks.items() if check.learns} or set(self.checks)
        blind: dict[str, set[str]] = {}
        left: dict[str, set[str]] = {}
        for listed, found in ((self.not_judged, blind), (self.failed, blind), (self.skipped, left)):
            for one in listed:
                found.setdefault(one.tag, set()).add(one.check)
        names = sorted({*self.tags, *(one.tag for one in (*self.not_judged, *self.skipped) if one.tag)})
        return [
            name
            for name in names
            if _is_blind(looking, *(each.get("", set()) | each.get(name, set()) for each in (blind, left)))
        ]


def _is_blind(looking: set[str], blind: set[str], left: set[str]) -> bool:
    applying = looking - left
    return bool(applying) and applying <= blind
