"""Findings as a flat table, for `--format csv`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Final

from iiotctl.reports.plots import axis
from iiotctl.reports.rows import Column, Rows

if TYPE_CHECKING:
    from iiotctl.findings import Finding

_TIMES: Final = ("start", "end", "first_seen", "last_seen")
_COLUMNS: Final = (
    *(Column(name) for name in ("severity", "confidence", "ne107", "check", "asset", "tag")),
    Column("tags", "list"),
    *(Column(name, "timestamp") for name in _TIMES),
    Column("message"),
    *(Column(name, "float") for name in ("statistic", "limit")),
    *(Column(name) for name in ("unit", "second_cause", "remediation", "work_order", "fingerprint")),
)


def rows(findings: Sequence[Finding]) -> Rows:
    """One row a finding."""
    return Rows(_COLUMNS, [_row(one) for one in findings])


def _row(one: Finding) -> list[object]:
    times = [getattr(one, name) for name in _TIMES]
    told = one.evidence
    return [
        str(one.severity),
        str(one.confidence),
        str(one.ne107) if one.ne107 else None,
        one.check,
        one.asset,
        one.tag,
        list(one.tags),
        *(None if us is None else axis.local(us, UTC) for us in times),
        one.message,
        told.get("statistic"),
        told.get("limit"),
        told.get("unit"),
        one.second_cause,
        one.remediation,
        one.work_order,
        one.fingerprint,
    ]
