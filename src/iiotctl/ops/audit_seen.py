"""A finding keeps the time when it was first seen, from run to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from iiotctl.findings import Finding
from iiotctl.store import seen
from iiotctl.store.layout import Layout
from iiotctl.store.seen import Seen


def remembered(
    root: Path, findings: Sequence[Finding], now: int, apart: int, *, write: bool
) -> tuple[list[Finding], list[str]]:
    """The findings with the times when earlier runs saw them first.

    Args:
        root: folder of the store.
        findings: of this run.
        now: µs UTC, of this run.
        apart: µs of good samples that make two troubles of one fingerprint.
        write: keep what this run saw.

    Returns:
        The findings, and what a person should know: that it could not be kept.
    """
    layout = Layout(root.absolute())
    now_seen: dict[str, list[Seen]] = {}
    for finding in findings:
        now_seen.setdefault(finding.fingerprint, []).append(Seen(finding.start or now, finding.end, now, now))
    known = seen.merged(seen.read(layout), now_seen, apart)
    found = [replace(finding, first_seen=_since(known, finding, now, apart), last_seen=now) for finding in findings]
    if not write or not findings:
        return found, []
    try:
        seen.write(layout, known)
    except OSError as error:
        said = error.strerror or type(error).__name__
        return found, [f"since when findings are known could not be kept: the store cannot be written ({said})"]
    return found, []


def _since(known: dict[str, list[Seen]], finding: Finding, now: int, apart: int) -> int:
    start = finding.start or now
    return min(one.first_seen for one in known[finding.fingerprint] if one.is_same(start, finding.end, apart))
