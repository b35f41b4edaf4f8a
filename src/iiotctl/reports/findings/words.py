"""How findings are worded and marked, the same in every form for people: states, times, sparklines, the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Final

from iiotctl.checks.conclude import span
from iiotctl.findings import Ne107, Severity
from iiotctl.reports.plots import axis, digits
from iiotctl.site.units import format_count

if TYPE_CHECKING:
    from iiotctl.checks.result import AuditResult, BaselineUse, FailedCheck
    from iiotctl.findings import Finding, NotJudged

SHOWN: Final = Severity.MEDIUM
"""People are told from here on, unless they ask for more."""
_LONG: Final = 600
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Signal:
    """How a state of NE 107 looks: never by colour alone.

    Attributes:
        letter: as NE 107 has it; `-` where it does not apply.
        shape: one cell wide.
        word: for people.
        color: SGR code of a terminal; pages have classes by letter.
    """

    letter: str
    shape: str
    word: str
    color: str


SIGNALS: Final = {
    Ne107.FAILURE: Signal("F", "●", "failure", "31"),
    Ne107.CHECK: Signal("C", "▲", "function check", "38;5;208"),
    Ne107.SPECIFICATION: Signal("S", "◆", "out of specification", "33"),
    Ne107.MAINTENANCE: Signal("M", "■", "maintenance required", "34"),
    Ne107.OK: Signal("OK", "✓", "good", "32"),
}
"""F, C, S, M: also the order of display."""
NO_SIGNAL: Final = Signal("-", "○", "", "0")


def signal(finding: Finding) -> Signal:
    """Letter, shape, word and colour of a finding."""
    return SIGNALS[finding.ne107] if finding.ne107 else NO_SIGNAL


def moment(us: int, zone: tzinfo) -> str:
    """`2026-03-04 10:00` as the clocks of the plant show it; seconds where they are not 0."""
    text = axis.local(us, zone).strftime("%Y-%m-%d %H:%M:%S")
    return text.removesuffix(":00")


def lasting(seconds: float) -> str:
    """`3 h 10 min`, `2 d 4 h`, `40 s`: two units at most."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    units = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"))
    if whole < _HOUR:
        return f"{round(whole / _MINUTE)} min"
    parts = []
    whole = round(whole / _MINUTE) * _MINUTE if whole < _DAY else round(whole / _HOUR) * _HOUR
    for size, unit in units:
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def since(finding: Finding, zone: tzinfo) -> str:
    """When it began and whether it still is: `since 2026-03-04 10:00`, `2026-03-04 10:00 for 3 h`."""
    if finding.start is None:
        return ""
    begun = moment(finding.start, zone)
    if finding.end is None:
        return f"since {begun}"
    return f"{begun} for {lasting((finding.end - finding.start) / 1e6)}"


def place(finding: Finding) -> str:
    """What a finding is about: its tag, `A or B`, `cooling1: 10 tags`, a host, or the asset."""
    if finding.tag:
        return finding.tag
    if finding.undecided:
        return finding.key
    if finding.tags:
        many = format_count(len(finding.tags), "tag")
        return f"{finding.asset}: {many}" if finding.asset else many
    return finding.host or finding.asset or "the store"


def together(finding: Finding, most: int = 6) -> str:
    """The other tags that one physical cause touches: `also PT1, PT2 and 7 more`; "" where the message names them."""
    others = [tag for tag in finding.tags if tag != finding.tag]
    if not others or finding.undecided or others[0] in finding.message:
        return ""
    named = ", ".join(others[:most])
    more = f" and {len(others) - most} more" if len(others) > most else ""
    return f"{'also ' if finding.tag else ''}{named}{more}"


def measured(finding: Finding) -> str:
    """The statistic against its limit: `41.4 bar against 0.5 bar`; "" where the evidence has none."""
    told = finding.evidence
    statistic, limit = told.get("statistic"), told.get("limit")
    if not isinstance(statistic, int | float) or isinstance(statistic, bool):
        return ""
    unit = str(told.get("unit") or "")
    text = _quantity(statistic, unit)
    if isinstance(limit, int | float) and not isinstance(limit, bool):
        text += f" against a limit of {_quantity(limit, unit)}"
    return text


def _quantity(value: float, unit: str) -> str:
    """Nobody reads 345600 s as four days."""
    if unit == "s" and value >= _LONG:
        return span(round(value * 1e6))
    return f"{digits.number(float(f'{value:.4g}'))} {unit}".rstrip()


def healthy(result: AuditResult) -> int:
    """Tags whose values were judged and that have no finding that people are told of."""
    return len(set(result.tags) - _told(result) - set(result.unjudged_tags))


def unknown(result: AuditResult) -> int:
    """Tags that nothing speaks against, but whose values no check could judge: they are not called healthy."""
    return len(set(result.unjudged_tags) - _told(result))


def _told(result: AuditResult) -> set[str]:
    return {tag for one in result.findings if one.severity.reaches(SHOWN) for tag in (one.tag, *one.tags) if tag}


def by_severity(findings: Sequence[Finding]) -> str:
    """`1 high, 2 medium`; `none`."""
    counts = Counter(one.severity for one in findings)
    return ", ".join(f"{counts[level]} {level}" for level in Severity if counts[level]) or "none"


def reasons(not_judged: Sequence[NotJudged], checks: Container[str] = (), most: int = 5) -> list[str]:
    """Why checks could not judge, the commonest first: `no baseline (flat-line, drift: 12 tags)`.

    Args:
        not_judged: all of them.
        checks: ids; what stands under another name concerns all checks (the baseline, a changed unit) and comes first.
        most: lines.
    """
    groups: dict[str, tuple[set[str], set[str]]] = {}
    for one in not_judged:
        blind, tags = groups.setdefault(one.reason, (set(), set()))
        blind.add(one.check)
        tags.add(one.tag)

    def place(group: tuple[str, tuple[set[str], set[str]]]) -> tuple[bool, int, str]:
        reason, (blind, tags) = group
        return all(one in checks for one in blind), -len(tags), reason

    ordered = sorted(groups.items(), key=place)
    lines = [f"{reason} ({_named(blind, tags)})" for reason, (blind, tags) in ordered[:most]]
    if len(ordered) > most:
        lines.append(f"{format_count(len(ordered) - most, 'more reason')}: `--format json` lists them all")
    return lines


def left_out(result: AuditResult) -> list[str]:
    """Tags of which no check judged anything, because none applies: `in maintenance all the time (4 tags)`."""
    seen = {*result.tags, *(one.tag for one in result.not_judged)}
    whose: dict[str, Counter[str]] = {}
    for one in result.skipped:
        if one.tag and one.tag not in seen:
            whose.setdefault(one.tag, Counter())[one.reason] += 1
    reasons_ = Counter(count.most_common(1)[0][0] for count in whose.values())
    return [f"{reason} ({format_count(many, 'tag')})" for reason, many in reasons_.most_common()]


def crashes(failed: Sequence[FailedCheck]) -> list[str]:
    """Checks that crashed, each once: `the check spike at 12 tags: ValueError: no (spike.py:81)`."""
    groups: dict[tuple[str, str, str], set[str]] = {}
    for one in failed:
        groups.setdefault((one.check, one.error, one.where), set()).add(one.tag)
    lines = []
    for (check, error, where), tags in groups.items():
        at = "" if "" in tags else f" at {next(iter(tags)) if len(tags) == 1 else format_count(len(tags), 'tag')}"
        lines.append(f"the check {check}{at}: {error} ({where})")
    return lines


def _named(checks: set[str], tags: set[str]) -> str:
    listed = ", ".join(sorted(checks)[:4]) + (" …" if len(checks) > 4 else "")  # noqa: PLR2004
    where = "all tags" if "" in tags else next(iter(tags)) if len(tags) == 1 else format_count(len(tags), "tag")
    return f"{listed}: {where}"


def learnt_from(baseline: BaselineUse, zone: tzinfo) -> str:
    """What was judged by, with the period: a sentence without a full stop."""
    text = baseline.said
    if baseline.start is not None and baseline.end is not None:
        text += f"; learning period {moment(baseline.start, zone)} to {moment(baseline.end, zone)}"
    if baseline.sha256:
        text += f", hash {baseline.sha256[:12]}"
    return text


def work_order(finding: Finding, zone: tzinfo) -> str:
    """Text to paste: the finding's own, else place, what, since when, what to do."""
    if finding.work_order:
        return finding.work_order
    state = signal(finding)
    lines = (
        f"{place(finding)}: {finding.message}",
        f"{since(finding, zone)}; NE 107: {state.letter} ({state.word}); {finding.severity}",
        f"To do: {finding.remediation}" if finding.remediation else "",
        f"Could also be: {finding.second_cause}" if finding.second_cause else "",
        f"iiotctl {finding.check} {finding.fingerprint}",
    )
    return "\n".join(line for line in lines if line)
