"""The commissioning sheet: for the terminal, as a page to print and sign, and as JSON `iiotctl.commissioning/v1`."""

from __future__ import annotations

import dataclasses
import html
import shutil
import textwrap
from collections.abc import Iterator
from datetime import tzinfo
from typing import TYPE_CHECKING, Final

from iiotctl.checks.commissioning import Loop, Outcome, Sheet
from iiotctl.checks.page import Parameter, parameters
from iiotctl.reports import target
from iiotctl.reports.findings import as_page, records, words
from iiotctl.reports.values import compact_json, harmless

if TYPE_CHECKING:
    from iiotctl.checks.result import AuditResult
    from iiotctl.reports.findings.output import Wish

SCHEMA: Final = "iiotctl.commissioning/v1"
_UNITS: Final = ("s", "%", "% of span")
_SIGNED: Final = ("checked by", "date", "signature")
_COLORS: Final = {Outcome.PASS: "32", Outcome.FAIL: "31;1", Outcome.OPEN: "33"}
_WORDS: Final = {Outcome.PASS: "pass", Outcome.FAIL: "FAIL", Outcome.OPEN: "open"}
_CLASSES: Final = {Outcome.PASS: "pass", Outcome.FAIL: "fail", Outcome.OPEN: "open"}


def write(sheet: Sheet, result: AuditResult, wish: Wish) -> None:
    """Write the sheet in one of table, html, json.

    Raises:
        UsageError: see `target.check_place`.
        BrokenPipeError: the reader of stdout has gone.
    """
    if wish.format == "json":
        text = compact_json(document(sheet, result)) + "\n"
    elif wish.format == "html":
        text = page(sheet, result, wish.zone)
    else:
        width = min(max(shutil.get_terminal_size((80, 24)).columns, 60), 120)
        text = "\n".join(_lines(sheet, result, wish, width)) + "\n"
    with target.binary(wish.output, force=wish.force) as stream:
        stream.write(text.encode("utf-8", "backslashreplace"))


def document(sheet: Sheet, result: AuditResult) -> dict[str, object]:
    """Everything as data."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "iiotctl", "version": result.tool},
        "site": result.site or None,
        "store": result.store,
        "range": {"start": records.utc(result.start), "end": records.utc(result.end)},
        "made": records.utc(result.ended),
        "baseline": records.baseline(result.baseline),
        "thresholds": dataclasses.asdict(sheet.params),
        "counts": {str(outcome): count for outcome, count in sheet.counts.items()},
        "loops": [
            {
                "tag": loop.tag,
                "description": loop.description,
                "unit": loop.unit,
                "span": loop.span,
                "rows": loop.rows,
                "outcome": str(loop.outcome),
                "items": [{**dataclasses.asdict(item), "outcome": str(item.outcome)} for item in loop.items],
            }
            for loop in sheet.loops
        ],
        "not_verifiable": [{"tag": tag, "item": item, "reason": reason} for tag, item, reason in _open(sheet)],
    }


def _open(sheet: Sheet) -> list[tuple[str, str, str]]:
    """What nobody may sign for."""
    return [
        (loop.tag, item.name, item.reason)
        for loop in sheet.loops
        for item in loop.items
        if item.outcome is Outcome.OPEN
    ]


def _facts(sheet: Sheet, result: AuditResult, zone: tzinfo) -> list[tuple[str, str]]:
    counts = sheet.counts
    return [
        ("site", result.site or "-"),
        ("data", f"{words.moment(result.start, zone)} to {words.moment(result.end, zone)} ({zone})"),
        ("loops", ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome)),
        ("baseline", words.learnt_from(dataclasses.replace(result.baseline, sha256=""), zone)),
        ("baseline hash", result.baseline.sha256 or "-"),
        ("tool", f"iiotctl {result.tool}"),
        ("made", words.moment(result.ended, zone)),
        ("thresholds", ", ".join(_threshold(sheet, one) for one in parameters(type(sheet.params)))),
    ]


def _threshold(sheet: Sheet, one: Parameter) -> str:
    """`hold 20 s`: the unit stands first among the words of a threshold."""
    unit = one.meaning.split(",")[0]
    return f"{one.name} {getattr(sheet.params, one.name):g}" + (f" {unit}" if unit in _UNITS else "")


def _span(loop: Loop) -> str:
    return f"{loop.span[0]:g} to {loop.span[1]:g} {loop.unit}".strip() if loop.span else "span not known"


def _lines(sheet: Sheet, result: AuditResult, wish: Wish, width: int) -> Iterator[str]:
    def paint(outcome: Outcome) -> str:
        word = _WORDS[outcome]
        return f"\x1b[{_COLORS[outcome]}m{word}\x1b[0m" if wish.color else word

    yield "Commissioning of loops"
    for name, text in _facts(sheet, result, wish.zone):
        yield from _hanging(f"  {name}".ljust(16), text, width)
    for loop in sheet.loops:
        yield ""
        head = f"{harmless(loop.tag)}  {harmless(loop.description)}".rstrip()
        yield f"{paint(loop.outcome)}  {head}  ({harmless(_span(loop))}, {loop.rows:,} rows)"
        for item in loop.items:
            said = "; ".join(part for part in (item.found, item.reason) if part)
            first, *more = _hanging(" " * 22, f"{said}  [{item.limit}]", width)
            yield f"  {paint(item.outcome)}  {item.name.ljust(14)}  {first[22:]}"
            yield from more
    missing = _open(sheet)
    yield ""
    yield f"Not verifiable: {len(missing)}" + ("" if missing else ", nothing")
    groups: dict[str, list[str]] = {}
    for tag, name, reason in missing:
        groups.setdefault(reason, []).append(f"{tag} {name}")
    for reason, places in groups.items():
        more_ = f" and {len(places) - 4} more" if len(places) > 4 else ""  # noqa: PLR2004
        yield from _hanging("  ", f"{reason}: {', '.join(places[:4])}{more_}", width)
    yield ""
    for who in _SIGNED:
        yield f"{who.ljust(12)}{'_' * 40}"


def _hanging(head: str, text: str, width: int) -> list[str]:
    indent = " " * len(head)
    return textwrap.wrap(
        harmless(text), width, initial_indent=head, subsequent_indent=indent, break_on_hyphens=False
    ) or [head]


def page(sheet: Sheet, result: AuditResult, zone: tzinfo) -> str:
    """The sheet to print."""
    facts = as_page.table(("", ""), [list(fact) for fact in _facts(sheet, result, zone)])
    loops = "".join(_loop(loop) for loop in sheet.loops)
    missing = _open(sheet)
    listed = as_page.table(("tag", "item", "reason"), [list(one) for one in missing]) if missing else "<p>nothing</p>"
    signed = "".join(f"<div>{name}</div>" for name in _SIGNED)
    body = (
        f'<h1>Commissioning of loops</h1><div class="facts">{facts}</div>{loops}'
        f"<h2>Not verifiable</h2>{listed}<div class='sign'>{signed}</div>"
    )
    return as_page.document("Commissioning of loops", body)


def _loop(loop: Loop) -> str:
    rows = "".join(
        f'<tr><td class="{_CLASSES[item.outcome]}">{_WORDS[item.outcome]}</td><td class="item">{html.escape(item.name)}</td>'
        f"<td>{as_page.escaped('; '.join(part for part in (item.found, item.reason) if part))}</td>"
        f"<td>{as_page.escaped(item.limit)}</td></tr>"
        for item in loop.items
    )
    return (
        f'<article><header><b class="{_CLASSES[loop.outcome]}">{_WORDS[loop.outcome]}</b><h3>{as_page.escaped(loop.tag)}</h3>'
        f"<span>{as_page.escaped(loop.description)} {as_page.escaped(_span(loop))}, {loop.rows:,} rows</span></header>"
        f'<div class="wide"><table><tr><th></th><th>item</th><th>found</th><th>limit</th></tr>{rows}</table></div></article>'
    )
