"""Where an audit of sensors is written, and as what."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl import reports
from iiotctl.findings import Severity
from iiotctl.reports import target
from iiotctl.reports.findings import as_rows, as_table, records, words
from iiotctl.reports.values import compact_json, plain

if TYPE_CHECKING:
    from iiotctl.checks.result import AuditResult
    from iiotctl.findings import Finding

_WIDE: Final = 100
"""Columns where nobody says how many there are."""
FORMATS: Final = ("table", "json", "jsonl", "csv", "html", "sarif")


@dataclass(frozen=True, slots=True)
class Wish:
    """How an audit is to be written.

    Attributes:
        format: one of `FORMATS`.
        zone: of the plant, for what people read; programs get UTC.
        output: file; None or `-` = stdout.
        severity: findings from here on; None = what people are told by default, everything for programs.
        color, unicode: what the reader's terminal can show.
        force: replace an existing file.
    """

    format: str
    zone: tzinfo
    output: Path | None = None
    severity: Severity | None = None
    color: bool = False
    unicode: bool = True
    force: bool = False


def check(wish: Wish) -> None:
    """Refuse what cannot be written, before work that takes long.

    Raises:
        UsageError: see `target.check_place`.
    """
    target.check_place(wish.output, force=wish.force)


def write(result: AuditResult, wish: Wish) -> None:
    """Write the audit.

    Raises:
        UsageError: see `check`.
        BrokenPipeError: the reader of stdout has gone.
    """
    if wish.format == "csv":
        reports.write(as_rows.rows(listed(result, wish)), "csv", wish.output, force=wish.force)
        return
    document = _document(result, wish)
    with target.binary(wish.output, force=wish.force) as stream:
        stream.write(document.encode("utf-8", "backslashreplace"))


def listed(result: AuditResult, wish: Wish) -> list[Finding]:
    """The findings of the level that was asked for."""
    level = wish.severity or Severity.INFO
    return [one for one in result.findings if one.severity.reaches(level)]


def _document(result: AuditResult, wish: Wish) -> str:
    findings = listed(result, wish)
    if wish.format == "json":
        return _laid_out(records.document(result, findings))
    if wish.format == "jsonl":
        return "".join(compact_json(records.record(one)) + "\n" for one in findings)
    if wish.format == "sarif":
        from iiotctl.reports.findings import as_sarif

        return _laid_out(as_sarif.document(result, findings))
    if wish.format == "html":
        from iiotctl.reports.findings import as_page

        return as_page.page(result, findings, wish.zone)
    look = as_table.Look(
        wish.zone,
        width=shutil.get_terminal_size((_WIDE, 24)).columns if wish.output is None else _WIDE,
        unicode=wish.unicode,
        color=wish.color,
        severity=wish.severity or words.SHOWN,
    )
    return as_table.text(result, look)


def _laid_out(document: object) -> str:
    """JSON that people can read too."""
    import json

    from iiotctl.reports.values import harmless_json

    lines = json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False).split("\n")
    return "\n".join(harmless_json(line) for line in lines) + "\n"
