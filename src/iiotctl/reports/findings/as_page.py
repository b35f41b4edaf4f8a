"""An audit as one HTML file that needs nothing else: each finding with its trend, evidence and work order.

Everything that comes from data is escaped: in HTML by `html.escape`, inside the script by JSON without `<`, `>`, `&`.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import tzinfo
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from iiotctl.checks.conclude import span
from iiotctl.checks.features.columns import SECOND
from iiotctl.findings import Ne107, Severity
from iiotctl.reports.findings import charts, words
from iiotctl.reports.plots import axis, in_page
from iiotctl.reports.values import harmless, plain

if TYPE_CHECKING:
    from iiotctl.checks.result import AuditResult
    from iiotctl.findings import Finding, NotJudged

_MOST_CHARTS: Final = 60
"""Tags drawn; a page of hundreds of trends opens nowhere."""
_TOGETHER: Final = 2
"""Tags of one finding that are drawn."""
_AROUND: Final = 0.6
"""Of a finding's length, shown before and behind it."""
_LEAST_US: Final = 1_800_000_000
_MOST_ROWS: Final = 500
_HIDDEN: Final = frozenset({"statistic", "limit", "unit", "rows", "sparkline"})
"""Of the evidence: said elsewhere."""
_WORDS: Final = {
    "window_s": "judged in steps of",
    "bad_s": "wrong for, in all",
    "spells": "stretches",
    "seen_until": "last wrong at",
    "agree": "witnesses that agree",
    "could_tell": "witnesses that could tell",
}
"""Of the evidence: what a name means."""


def page(result: AuditResult, findings: Sequence[Finding], zone: tzinfo) -> str:
    """The document; findings of level low are folded away."""
    told = [one for one in findings if one.severity.reaches(words.SHOWN)]
    low = [one for one in findings if not one.severity.reaches(words.SHOWN)]
    drawn = _charts(result, [*told, *low])
    title = f"Audit of sensors{f': {result.site}' if result.site else ''}"
    cards = (
        "".join(_card(result, one, drawn, zone) for one in told) or "<p>No finding that a person must be told of.</p>"
    )
    folded = "".join(_card(result, one, drawn, zone) for one in low)
    body = f"""{_head(result, title, zone)}
<h2>Findings</h2>
{cards}
{f"<details><summary>{len(low)} of severity low</summary>{folded}</details>" if low else ""}
{_lists(result)}"""
    begin = min([result.start, *(one.start for one in drawn.values())])
    offsets = [(at / 1e6, ahead) for at, ahead in axis.offsets(begin, max(result.end, begin + 1), zone)]
    return document(title, body, {"offsets": offsets, "charts": [charts.document(one) for one in drawn.values()]})


def document(title: str, body: str, data: object = None) -> str:
    """A page with our style sheet; with `data` also with the scripts that draw."""
    script = (
        f"""<script type="application/json" id="data">{in_page.inert(data)}</script>
<script>{in_page.resource("vendor/uPlot.iife.min.js")}</script>
<script>{in_page.resource("page/clock.js")}</script>
<script>{_resource("findings.js")}</script>"""
        if data
        else ""
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{in_page.POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escaped(title)}</title>
<style>{in_page.resource("vendor/uPlot.min.css")}</style>
<style>{_resource("findings.css")}</style>
</head>
<body>
{body}
{script}
</body>
</html>
"""


def _resource(name: str) -> str:
    return files(__package__).joinpath(f"page/{name}").read_text(encoding="utf-8").strip()


def escaped(text: str) -> str:
    """Text of data as part of a page."""
    return html.escape(harmless(text))


def _charts(result: AuditResult, findings: Sequence[Finding]) -> dict[str, charts.Chart]:
    """The trend of each tag that has a finding, the worst first, from its learning period on."""
    found: dict[str, charts.Chart] = {}
    for one in findings:
        for tag in list(dict.fromkeys((one.tag, *one.tags)))[: _TOGETHER + 1]:
            data = result.data_of(tag) if tag and tag not in found and len(found) < _MOST_CHARTS else None
            if data is None or not len(data.features):
                continue
            mine = [each for each in findings if data.info.tag in (each.tag, *each.tags)]
            drawn = charts.chart(data, mine, data.features.start, min(data.features.end, result.end))
            if drawn:
                found[data.info.tag] = drawn
    return found


def _head(result: AuditResult, title: str, zone: tzinfo) -> str:
    counts = result.counts
    tiles = [
        (str(len(result.tags)), "tags judged"),
        (str(words.healthy(result)), "healthy"),
        *((str(counts[str(level)]), str(level)) for level in Severity if counts[str(level)]),
        (str(len(result.unjudged_tags)), "not judged"),
    ]
    shown = "".join(f"<div><b>{number}</b><span>{name}</span></div>" for number, name in tiles)
    span = f"{words.moment(result.start, zone)} to {words.moment(result.end, zone)} ({zone})"
    notes = "".join(f'<p class="note">{escaped(text)}</p>' for text in result.warnings)
    return f"""<h1>{escaped(title)}</h1>
<p>{escaped(span)}; {escaped(words.learnt_from(result.baseline, zone))}</p>
<p>store {escaped(result.store)}; iiotctl {escaped(result.tool)}; made {words.moment(result.ended, zone)}</p>
<div class="tiles">{shown}</div>{"" if result.complete else '<p class="note">This audit is not complete.</p>'}{notes}"""


def badge(state: words.Signal) -> str:
    """Letter, shape and word of a state; the colour only repeats them."""
    return f'<span class="badge b{html.escape(state.letter)}">{state.shape} {state.letter} <small>{state.word}</small></span>'


def _card(result: AuditResult, one: Finding, drawn: dict[str, charts.Chart], zone: tzinfo) -> str:
    data = result.data_of(one.tag) if one.tag else None
    about = data.info.description if data else ""
    seen = f", first seen {words.moment(one.first_seen, zone)}" if one.first_seen else ""
    also = words.together(one)
    return f"""<article>
<header>{badge(words.signal(one))}<h3>{escaped(words.place(one))}</h3><span>{escaped(about)}</span></header>
<p class="what">{escaped(one.message)}{escaped(f" ({also})") if also else ""}</p>
<p>{one.severity}, {one.confidence} confidence; {escaped(one.check)}; {words.since(one, zone)}{seen}</p>
{_figures(result, one, drawn, zone)}
{_evidence(one)}{_all_tags(one)}
<dl>{_said("Could also be", one.second_cause)}{_said("Do first", one.remediation)}{_said("See", ", ".join(one.references))}</dl>
<details class="order"><summary>work order</summary><button type="button" class="copy">copy</button>
<pre>{html.escape(chr(10).join(harmless(line) for line in words.work_order(one, zone).split(chr(10))))}</pre></details>
</article>
"""


def _figures(result: AuditResult, one: Finding, drawn: dict[str, charts.Chart], zone: tzinfo) -> str:
    """The trend of its tags; the still picture shows the time around the finding."""
    order = list(drawn)
    parts = []
    for tag in [tag for tag in dict.fromkeys((one.tag, *one.tags)) if tag in order][:_TOGETHER]:
        whole = drawn[tag]
        start, end = one.start or result.start, one.end or result.end
        if end <= whole.start or start >= whole.end:  # a calibration of last year: the trend of today
            start, end = whole.start, whole.end
        margin = max(int(_AROUND * (end - start)), _LEAST_US)
        near = max(start - margin, whole.start), min(end + margin, whole.end)
        still = charts.chart(whole.data, [one], *near) if near[0] < near[1] else None
        parts.append(
            f'<figure data-chart="{order.index(tag)}" data-from="{start / 1e6}" data-to="{end / 1e6}">'
            f"<figcaption>{escaped(tag)}</figcaption>{charts.svg(still, zone) if still else ''}</figure>"
        )
    return "".join(parts)


def _said(name: str, text: str) -> str:
    return f"<dt>{name}</dt><dd>{escaped(text)}</dd>" if text else ""


def _evidence(one: Finding) -> str:
    rows: list[tuple[str, str]] = []
    if number := words.measured(one):
        rows.append(("measured", number))
    if isinstance(one.evidence.get("rows"), int):
        rows.append(("rows used", f"{one.evidence['rows']:,}"))
    rows += [_row(name, value) for name, value in one.evidence.items() if name not in _HIDDEN and value is not None]
    return table(("evidence", ""), [[name, value] for name, value in rows]) if rows else ""


def _all_tags(one: Finding) -> str:
    """Every tag of one physical cause, where the sentence names only some."""
    if len(one.tags) <= 6:  # noqa: PLR2004 - the sentence names as many
        return ""
    return f"<details><summary>all {len(one.tags)} tags</summary><p>{escaped(', '.join(one.tags))}</p></details>"


def _row(name: str, value: object) -> tuple[str, str]:
    """`bad_s` = 5400 is `wrong for: 1 h 30 min`; names that say too little have words of their own."""
    stem = name.removesuffix("_s")
    word = _WORDS.get(name, stem.replace("_", " "))
    if stem != name and isinstance(value, int | float) and value >= 1:
        return word, span(round(value * SECOND))
    return word, _value(value) + (" s" if stem != name else "")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return charts.figure(value, "")
    if isinstance(value, list | tuple):
        return ", ".join(_value(each) for each in value[:8]) + (" …" if len(value) > 8 else "")  # noqa: PLR2004
    return str(plain(value))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of texts, escaped here."""
    titles = "".join(f"<th>{escaped(name)}</th>" for name in head) if any(head) else ""
    lines = "".join(f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>" for row in rows[:_MOST_ROWS])
    more = f"<p>and {len(rows) - _MOST_ROWS} more</p>" if len(rows) > _MOST_ROWS else ""
    return f'<div class="wide"><table><tr>{titles}</tr>{lines}</table></div>{more}'


def _lists(result: AuditResult) -> str:
    parts = []
    if result.failed:
        rows = [[one.check, one.tag, one.error, one.where] for one in result.failed]
        parts.append("<h2>Checks that failed</h2>" + table(("check", "tag", "error", "where"), rows))
    if result.excepted:
        excepted = [
            [words.place(e.finding), e.finding.message, e.exemption.reason, e.exemption.owner, e.exemption.expires]
            for e in result.excepted
        ]
        parts.append("<h2>Excepted</h2>" + table(("tag", "finding", "reason", "owner", "until"), excepted))
    if result.expired:
        expired = [[e.check, e.tag, e.reason, e.owner, e.expires] for e in result.expired]
        parts.append(
            "<h2>Exceptions that have expired</h2>" + table(("check", "tag", "reason", "owner", "until"), expired)
        )
    for title, listed in (("Could not be judged", result.not_judged), ("Does not apply", result.skipped)):
        if listed:
            parts.append(f"<details><summary>{title}: {len(listed)}</summary>{_reasons(listed)}</details>")
    limits = "".join(_legend(state) for state in words.SIGNALS)
    parts.append(f'<p class="legend">NE 107: {limits}</p>')
    return "".join(parts)


def _reasons(listed: Sequence[NotJudged]) -> str:
    return table(("check", "tag", "reason"), [[one.check, one.tag or "all", one.reason] for one in listed])


def _legend(state: Ne107) -> str:
    return badge(words.SIGNALS[state])
