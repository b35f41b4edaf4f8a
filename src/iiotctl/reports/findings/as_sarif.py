"""Findings as SARIF 2.1.0 (OASIS, 2020), for those who track them beside code.

A tag is no file; viewers that insist on one get `tags/NAME`, and the name itself stands as a logical location.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from iiotctl.findings import Severity
from iiotctl.reports.findings import words
from iiotctl.reports.findings.records import unjudged, utc

if TYPE_CHECKING:
    from iiotctl.checks.base import Check
    from iiotctl.checks.result import AuditResult
    from iiotctl.findings import Finding

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_RANKS: Final = {
    Severity.CRITICAL: 95.0,
    Severity.HIGH: 80.0,
    Severity.MEDIUM: 55.0,
    Severity.LOW: 30.0,
    Severity.INFO: 5.0,
}


def document(result: AuditResult, findings: Sequence[Finding]) -> dict[str, Any]:
    """The log: one run, a rule for each check that ran, a result for each finding; excepted ones are suppressed."""
    excepted = [(one.finding, one.exemption) for one in result.excepted]
    known = sorted({*result.checks, *(one.check for one in findings), *(one.check for one, _ in excepted)})
    places = {check: place for place, check in enumerate(known)}
    results = [_result(one, places) for one in findings]
    for one, exemption in excepted:
        reason = f"{exemption.reason} ({exemption.owner}, until {exemption.expires})"
        results.append({**_result(one, places), "suppressions": [{"kind": "external", "justification": reason}]})
    driver = {
        "name": "iiotctl",
        "semanticVersion": result.tool or "0.0.0",
        "rules": [_rule(name, result.checks.get(name)) for name in known],
    }
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "utf16CodeUnits",
                "invocations": [_invocation(result)],
                "results": results,
                "properties": {"site": result.site, "store": result.store, "baseline": result.baseline.sha256},
            }
        ],
    }


def help_text(check: Check) -> str:
    """The page of a check, Markdown: the docstring of its module."""
    module = sys.modules.get(getattr(check.judge, "__module__", ""))
    return (inspect.getdoc(module) if module else None) or check.title


def _rule(name: str, check: Check | None) -> dict[str, Any]:
    if check is None:
        return {"id": name, "shortDescription": {"text": name}}
    page = help_text(check)
    return {
        "id": name,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": page.splitlines()[0]},
        "help": {"text": f"{check.action}\nCould also be: {check.second_cause}", "markdown": page},
        "defaultConfiguration": {"level": _LEVELS[check.severity], "rank": _RANKS[check.severity]},
        "properties": {"ne107": str(check.ne107), "precision": _precision(check), "tags": ["sensors"]},
    }


def _precision(check: Check) -> str:
    return str(check.confidence)


def _result(one: Finding, places: Mapping[str, int]) -> dict[str, Any]:
    named = [one.tag] if one.tag else list(one.tags) or [one.host or one.asset or "store"]
    return {
        "ruleId": one.check,
        "ruleIndex": places[one.check],
        "level": _LEVELS[one.severity],
        "rank": _RANKS[one.severity],
        "message": {"text": f"{words.place(one)}: {one.message}"},
        "locations": [_location(name, one.asset) for name in named],
        "partialFingerprints": {"iiotctl/v1": one.fingerprint},
        "properties": {
            "severity": str(one.severity),
            "confidence": str(one.confidence),
            "ne107": str(one.ne107) if one.ne107 else None,
            "start": utc(one.start),
            "end": utc(one.end),
            "firstSeen": utc(one.first_seen),
            "remediation": one.remediation,
            "secondCause": one.second_cause,
        },
    }


def _location(name: str, asset: str) -> dict[str, Any]:
    logical = {"name": name, "kind": "tag", "fullyQualifiedName": f"{asset}/{name}" if asset else name}
    return {
        "physicalLocation": {"artifactLocation": {"uri": f"tags/{quote(name, safe='')}"}, "region": {"startLine": 1}},
        "logicalLocations": [logical],
    }


def _invocation(result: AuditResult) -> dict[str, Any]:
    failed = [
        {"level": "error", "message": {"text": f"{one.check} {one.tag}: {one.error}".replace("  ", " ")}}
        for one in result.failed
    ]
    blind = [
        {"level": "note", "message": {"text": f"{one.check} could not judge {one.tag or 'any tag'}: {one.reason}"}}
        for one in result.not_judged
    ]
    return {
        "executionSuccessful": result.complete,
        "startTimeUtc": utc(result.started),
        "endTimeUtc": utc(result.ended),
        "toolExecutionNotifications": failed + blind,
        "properties": {"skipped": [unjudged(one) for one in result.skipped]},
    }
