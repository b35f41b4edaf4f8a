"""Findings for a person at a terminal: one block a tag, worst first, and what the audit came to in the last lines."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Final

from iiotctl.findings import Severity
from iiotctl.reports.findings import sparkline, words
from iiotctl.reports.values import harmless
from iiotctl.site.units import format_count

if TYPE_CHECKING:
    from iiotctl.checks.result import AuditResult
    from iiotctl.findings import Finding

_LEAST: Final = 60
_MOST: Final = 120
_INDENT: Final = 5
_SHORTEST: Final = 12
"""Letters of a description that still say something."""
_BOLD: Final = "1"
_DIM: Final = "2"


@dataclass(frozen=True, slots=True)
class Look:
    """How a person reads it.

    Attributes:
        zone: of the plant, for times.
        width: columns.
        unicode: letters beyond ASCII can be shown.
        color: colours are allowed.
        severity: findings from this level on are shown, the rest is counted.
    """

    zone: tzinfo
    width: int = 80
    unicode: bool = True
    color: bool = False
    severity: Severity = words.SHOWN

    @property
    def columns(self) -> int:
        """Columns used."""
        return min(max(self.width, _LEAST), _MOST)


def text(result: AuditResult, look: Look) -> str:
    """The report."""
    shown = [one for one in result.findings if one.severity.reaches(look.severity)]
    blocks: dict[tuple[str | None, tuple[str, ...]], list[Finding]] = {}
    for one in shown:
        blocks.setdefault((one.tag, () if one.tag else one.tags), []).append(one)
    lines: list[str] = []
    for findings in blocks.values():
        lines += [*_block(result, words.place(findings[0]), findings, look), ""]
    lines += _aside(result, look)
    lines += _summary(result, look)
    report = "\n".join(lines) + "\n"
    return report if look.unicode else report.translate(_PLAIN).encode("ascii", "replace").decode()


_PLAIN: Final = str.maketrans({"·": "-", "…": ".", "°": "", "µ": "u", "³": "3", "²": "2"})
"""What an encoding without such letters shows instead."""


def _paint(word: str, code: str, look: Look) -> str:
    return f"\x1b[{code}m{word}\x1b[0m" if look.color and word else word


def _block(result: AuditResult, place: str, findings: Sequence[Finding], look: Look) -> Iterator[str]:
    """One tag: its worst state, then what was found."""
    worst = min(findings, key=lambda one: list(words.SIGNALS).index(one.ne107) if one.ne107 else len(words.SIGNALS))
    state = words.signal(worst)
    shape = f"{state.shape} " if look.unicode else ""
    data = result.data_of(worst.tag) if worst.tag else None
    about = harmless(data.info.description or data.info.asset) if data else ""
    head, name = f"{shape}{state.letter}", harmless(place)
    room = look.columns - len(head) - len(name) - len(state.word) - 6
    about = about if len(about) <= room else f"{about[: room - 1]}…" if room >= _SHORTEST else ""
    parts = (
        _paint(head, f"{state.color};1", look),
        _paint(name, _BOLD, look),
        _paint(state.word, state.color, look),
        _paint(about, _DIM, look),
    )
    yield "  ".join(part for part in parts if part)
    for one in findings:
        yield from _finding(result, one, look)


def _finding(result: AuditResult, one: Finding, look: Look) -> Iterator[str]:
    indent = " " * _INDENT
    state = words.signal(one)
    bits = [f"{state.letter} {one.severity}", one.check, words.since(one, look.zone)]
    if one.first_seen and one.first_seen != one.detected_at:
        bits.append(f"first seen {words.moment(one.first_seen, look.zone)}")
    if str(one.confidence) != "high":
        bits.append(f"{one.confidence} confidence")
    severe = one.severity.reaches(Severity.HIGH)
    head, *more = _wrapped("  ".join(bit for bit in bits if bit), "", look)
    yield indent + _paint(head, f"{state.color};1" if severe else state.color, look)
    yield from (indent + line for line in more)
    yield from (indent + line for line in _wrapped(one.message + _also(one), "", look))
    evidence = _evidence(result, one, look)
    if evidence:
        yield indent + evidence
    for label, said in (("or:", one.second_cause), ("do:", one.remediation)):
        for place, line in enumerate(_wrapped(said, " " * 4, look) if said else []):
            yield indent + (_paint(label, _DIM, look) + line[3:] if not place else line)


def _also(one: Finding) -> str:
    also = words.together(one)
    return f" ({also})" if also else ""


def _wrapped(said: str, indent: str, look: Look) -> list[str]:
    return textwrap.wrap(
        harmless(said),
        look.columns - _INDENT,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )


def _evidence(result: AuditResult, one: Finding, look: Look) -> str:
    """Sparkline with the finding's own stretch in brackets, the number against its limit, rows used."""
    number = harmless(words.measured(one))
    rows = one.evidence.get("rows")
    said = number + (f" ({rows:,} row{'s' if rows != 1 else ''})" if isinstance(rows, int) and number else "")
    room = look.columns - _INDENT - len(said) - 4
    data = result.data_of(one.tag or next(iter(one.tags), ""))
    spark = sparkline.around(data.features, one, min(sparkline.CELLS, room)) if data and room >= 10 else None  # noqa: PLR2004 - fewer say nothing
    if spark is None:  # very many tags: their trends were not kept
        kept = one.evidence.get("sparkline")
        levels = [v for v in kept if v is None or isinstance(v, float | int)] if isinstance(kept, list | tuple) else []
        drawn = sparkline.bars(levels, unicode=look.unicode) if len(levels) <= room else ""
        return f"{drawn}  {said}".strip()
    letters = sparkline.bars(spark.levels, unicode=look.unicode)
    inside = _paint(letters[spark.first : spark.stop], words.signal(one).color, look)
    drawn = f"{letters[: spark.first]}[{inside}]{letters[spark.stop :]}"
    return f"{drawn}  {said}".rstrip()


def _aside(result: AuditResult, look: Look) -> Iterator[str]:
    """What is not shown as a finding and must not be forgotten, one line each."""
    hidden = [one for one in result.findings if not one.severity.reaches(look.severity)]
    if hidden:
        kinds = Counter(one.check for one in hidden).most_common(4)
        listed = ", ".join(f"{count} {check}" for check, count in kinds) + (" …" if len(kinds) == 4 else "")  # noqa: PLR2004
        level = max((one.severity for one in hidden), key=lambda severity: severity.rank)
        counted = words.by_severity(hidden)
        yield from _labelled("below:", f"{counted} ({listed}); `--severity {level}` shows them", look)
    if result.excepted:
        many = format_count(len(result.excepted), "finding")
        owners = sorted({one.exemption.owner for one in result.excepted})
        yield from _labelled("excepted:", f"{many} by the exceptions file ({', '.join(owners)})", look)
    for one in result.expired:
        yield from _labelled("expired:", f"exception of {one.owner} for {one.check} at {one.tag}, {one.expires}", look)
    for reason in words.left_out(result):
        yield from _labelled("left out:", reason, look)
    for reason in words.reasons(result.not_judged, result.checks):
        yield from _labelled("not judged:", reason, look)
    for crash in words.crashes(result.failed):
        yield from _labelled("failed:", crash, look)
    for warning in result.warnings:
        yield from _labelled("note:", warning, look)


def _labelled(label: str, said: str, look: Look) -> Iterator[str]:
    indent = " " * 12
    first, *more = textwrap.wrap(
        harmless(said), look.columns, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
    yield _paint(label, _DIM, look) + first[len(label) :]
    yield from more


def _summary(result: AuditResult, look: Look) -> Iterator[str]:
    judged = format_count(len(result.tags), "tag")
    fine = words.healthy(result)
    if result.tags:
        unknown = words.unknown(result)
        unsaid = f", {unknown} whose values no check could judge" if unknown else ""
        said = f"{judged} judged, {fine} healthy{unsaid}; findings: {words.by_severity(result.findings)}"
    else:
        said = "nothing could be judged"
    for line in textwrap.wrap(said, look.columns):
        yield _paint(line, _BOLD, look)
    span = f"judged: {words.moment(result.start, look.zone)} to {words.moment(result.end, look.zone)}; "
    yield from textwrap.wrap(
        harmless(span + words.learnt_from(result.baseline, look.zone)), look.columns, break_on_hyphens=False
    )
