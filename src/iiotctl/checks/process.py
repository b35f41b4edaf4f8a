"""Related tags that accuse each other at the same time: not one of them is off, the process works differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from iiotctl.checks.features.columns import HOUR
from iiotctl.checks.relations.words import said
from iiotctl.findings import Confidence, Finding, Severity

NEAR: Final = HOUR
"""µs by which their starts may differ."""
BREAK: Final = "relation-break"
_BY_RELATIVES: Final = frozenset({"bias", "drift", BREAK})


def without_mutual(findings: Sequence[Finding], *, near: int = NEAR) -> list[Finding]:
    """The findings; `low` ones of tags that are each other's witnesses, and begin together, as one of severity `info`.

    Args:
        findings: of all tags of a run.
        near: µs.
    """
    doubtful = [
        one for one in findings if one.check in _BY_RELATIVES and one.severity is Severity.LOW and one.tag is not None
    ]
    groups: list[list[Finding]] = []
    for one in doubtful:
        mine = [group for group in groups if any(_accuse_each_other(one, other, near) for other in group)]
        groups = [group for group in groups if group not in mine] + [[one, *(each for group in mine for each in group)]]
    together = [group for group in groups if len({one.tag for one in group}) > 1]
    gone = {id(one) for group in together for one in group}
    return [one for one in findings if id(one) not in gone] + [_changed(group) for group in together]


def _accuse_each_other(one: Finding, other: Finding, near: int) -> bool:
    return (
        abs((one.start or 0) - (other.start or 0)) <= near
        and one.tag in _witnesses(other)
        and other.tag in _witnesses(one)
    )


def _witnesses(finding: Finding) -> list[str]:
    return str(finding.evidence.get("witnesses", "")).split(", ")


def _changed(group: Sequence[Finding]) -> Finding:
    """What is left to say."""
    tags = tuple(sorted({one.tag for one in group if one.tag}))
    ends = [one.end for one in group]
    start = min(one.start or 0 for one in group)
    return replace(
        group[0],
        check=BREAK,
        severity=Severity.INFO,
        confidence=Confidence.LOW,
        ne107=None,
        tag=None,
        tags=tags,
        start=start,
        end=None if None in ends else max(end for end in ends if end is not None),
        key=", ".join(tags),
        message=f"{said(tags)} do not go together as they did: the process works in a way that was not learnt from",
        second_cause="two of them are off at the same time",
        remediation="learn a baseline from a period that shows this way of working",
        work_order="",
        evidence={"witnesses": ", ".join(tags)},
    )
