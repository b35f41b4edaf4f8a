"""A made-up audit for tests of the renderers: every kind of finding and aside, and texts that mean harm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from iiotctl.checks.base import Check, Judged
from iiotctl.checks.features.columns import MINUTE, Features
from iiotctl.checks.result import AuditResult, BaselineUse, Excepted, Exemption, FailedCheck
from iiotctl.checks.tagdata import TagData, TagInfo
from iiotctl.findings import Confidence, Finding, Ne107, NotJudged, Severity

START = 1_772_409_600_000_000
"""2026-03-02 00:00 UTC."""
HOUR = 60 * MINUTE
EVIL = '</script><img src=x onerror=alert(1)>\x1b[31m\u202e"&'


@dataclass(frozen=True)
class _Params:
    """None."""


def check(name: str, *, learns: bool = True) -> Check:
    return Check(
        name,
        name.replace("-", " ").capitalize(),
        Severity.MEDIUM,
        Confidence.HIGH,
        Ne107.FAILURE,
        _Params,
        lambda data, params: Judged(),
        "the process",
        "look",
        references=("NE 107",),
        learns=learns,
    )


def tag(name: str, *, hours: int = 96, **facts: object) -> TagData:
    count = hours * 60
    level = 50 + 10 * np.sin(np.arange(count) / 300)
    level[count // 2 : count // 2 + 30] = np.nan
    columns = {"rows": np.full(count, 6.0), "median": level, "min": level - 1, "max": level + 1}
    every = np.ones(count, np.bool_)
    return TagData(
        info=TagInfo(name, **facts),  # type: ignore[arg-type]
        features=Features(MINUTE, START, columns),
        learning=~every,
        judged=every,
        state=np.zeros(count, np.uint8),
        settled=every,
        now=START + hours * HOUR,
    )


def finding(name: str, tag_: str | None, severity: Severity = Severity.HIGH, **more: object) -> Finding:
    given: dict[str, object] = {
        "ne107": Ne107.FAILURE,
        "tag": tag_,
        "start": START + 60 * HOUR,
        "end": START + 63 * HOUR + 10 * MINUTE,
        "evidence": {"statistic": 190.0, "limit": 10.0, "unit": "min", "rows": 1140, "nan": float("nan")},
        "second_cause": "the process stood still",
        "remediation": "look at the card",
        "detected_at": START + 96 * HOUR,
        "first_seen": START + 61 * HOUR,
        "last_seen": START + 96 * HOUR,
        **more,
    }
    return Finding(name, severity, Confidence.HIGH, str(given.pop("message", "held 41.37 bar for 3 h 10 min")), **given)  # type: ignore[arg-type]


def audit(**changes: object) -> AuditResult:
    """Three tags, five findings, one of everything else."""
    findings = [
        finding("flat-line", "PT1"),
        finding(
            "drift", None, Severity.MEDIUM, tags=("TT1", "TT2"), key="TT1 or TT2", ne107=Ne107.MAINTENANCE, end=None
        ),
        finding("spike", "PT1", Severity.MEDIUM, ne107=Ne107.MAINTENANCE),
        finding("gap", EVIL, Severity.MEDIUM, message=EVIL, ne107=None, work_order=EVIL, tags=(EVIL, "PT1")),
        finding("noise-up", "TT1", Severity.LOW, ne107=Ne107.MAINTENANCE),
    ]
    names = ("flat-line", "drift", "spike", "gap", "noise-up", "ne43")
    given: dict[str, object] = {
        "findings": findings,
        "skipped": [NotJudged("ne43", "TT2", "no span is known")],
        "not_judged": [NotJudged("ne43", "PT1", "never outside 0 to 100 % of span: clamped in the PLC?")],
        "failed": [],
        "baseline": BaselineUse(
            "learnt", "learnt from the first two days", sha256="ab" * 32, start=START, end=START + 48 * HOUR, tags=4
        ),
        "data": [
            tag("PT1", unit="bar", description="Reactor pressure"),
            tag("TT1"),
            tag("TT2"),
            tag(EVIL, description=EVIL, unit=EVIL),
        ],
        "checks": {name: check(name) for name in names},
        "tags": ["PT1", "TT1", "TT2", EVIL],
        "start": START + 48 * HOUR,
        "end": START + 96 * HOUR,
        "started": START + 97 * HOUR,
        "ended": START + 97 * HOUR + MINUTE,
        "excepted": [
            Excepted(findings[4], Exemption("noise-up", "TT*", "known", "M. Weber", "2027-03-31", "e.toml:3"))
        ],
        "expired": [Exemption("gap", "FT1", "was rebuilt", "A. Roth", "2026-01-31", "e.toml:9")],
        "site": "Works",
        "store": "store",
        "tool": "0.5.0",
        **changes,
    }
    return AuditResult(**given)  # type: ignore[arg-type]


def failed() -> AuditResult:
    """A check crashed."""
    return replace(audit(), failed=[FailedCheck("spike", "PT1", "ValueError: no", "spike.py:81")])
