"""Findings as plain data for programs: the fields of `iiotctl.findings/v1`, in UTC, without NaN."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from iiotctl.reports.plots import axis
from iiotctl.reports.values import timestamp

if TYPE_CHECKING:
    from iiotctl.checks.result import AuditResult, BaselineUse
    from iiotctl.findings import Finding, NotJudged

SCHEMA: Final = "iiotctl.findings/v1"


def utc(us: int | None) -> str | None:
    """RFC 3339 in UTC; None stays None."""
    return None if us is None else timestamp(axis.local(us, UTC))


def record(finding: Finding) -> dict[str, object]:
    """One finding."""
    return {
        "check": finding.check,
        "severity": str(finding.severity),
        "confidence": str(finding.confidence),
        "ne107": str(finding.ne107) if finding.ne107 else None,
        "asset": finding.asset,
        "tag": finding.tag,
        "tags": list(finding.tags),
        "host": finding.host,
        "port": finding.port,
        "proto": finding.proto,
        "key": finding.key,
        "start": utc(finding.start),
        "end": utc(finding.end),
        "detected_at": utc(finding.detected_at),
        "message": finding.message,
        "evidence": dict(finding.evidence),
        "second_cause": finding.second_cause,
        "remediation": finding.remediation,
        "work_order": finding.work_order,
        "references": list(finding.references),
        "fingerprint": finding.fingerprint,
        "first_seen": utc(finding.first_seen),
        "last_seen": utc(finding.last_seen),
    }


def unjudged(one: NotJudged) -> dict[str, object]:
    """A check that was skipped at a tag or could not judge it; `tag` null = at all."""
    return {"check": one.check, "tag": one.tag or None, "reason": one.reason}


def baseline(used: BaselineUse) -> dict[str, object]:
    """By what was judged."""
    return {
        "origin": used.origin,
        "said": used.said,
        "name": used.name or None,
        "version": used.version or None,
        "path": used.path or None,
        "sha256": used.sha256 or None,
        "start": utc(used.start),
        "end": utc(used.end),
        "tool": used.tool or None,
        "approved_by": used.approved_by or None,
        "approved_at": utc(used.approved_at),
        "tags": used.tags,
    }


def document(result: AuditResult, findings: list[Finding]) -> dict[str, object]:
    """The whole audit; `findings` are those to list, `counts` are of all."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "iiotctl", "version": result.tool},
        "site": result.site or None,
        "store": result.store,
        "started": utc(result.started),
        "ended": utc(result.ended),
        "range": {"start": utc(result.start), "end": utc(result.end)},
        "complete": result.complete,
        "counts": result.counts,
        "judged": list(result.tags),
        "checks": sorted(result.checks),
        "baseline": baseline(result.baseline),
        "findings": [record(one) for one in findings],
        "excepted": [
            {
                "finding": record(one.finding),
                "reason": one.exemption.reason,
                "owner": one.exemption.owner,
                "expires": one.exemption.expires,
                "where": one.exemption.where,
            }
            for one in result.excepted
        ],
        "expired": [
            {
                "check": e.check,
                "tag": e.tag,
                "reason": e.reason,
                "owner": e.owner,
                "expires": e.expires,
                "where": e.where,
            }
            for e in result.expired
        ],
        "skipped": [unjudged(one) for one in result.skipped],
        "not_judged": [unjudged(one) for one in result.not_judged],
        "failed": [
            {"check": one.check, "tag": one.tag or None, "error": one.error, "where": one.where}
            for one in result.failed
        ],
        "warnings": list(result.warnings),
    }
