"""Write docs/reference/checks/: a page and a picture of each check of sensors, from its module and its cases."""

from __future__ import annotations

import html
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "reference" / "checks"
ACCURACY = ROOT / "docs" / "explanation" / "sensor-checks-accuracy.md"
MADE = "<!-- made by tools/gen_checks.py from the check's module and its cases: do not edit -->"

INDEX = f"""\
# Checks

{MADE}

What `iiotctl audit sensors` looks for. `iiotctl explain ID` prints a page in the terminal. The state is that of
NAMUR NE 107: F failure, C function check, S out of specification, M maintenance required.

"""

_STYLE = """\
.span{fill:#c00000;fill-opacity:.14;stroke:#c00000;stroke-dasharray:4 3}.sM .span,.span.sM{fill:#1f5fbf;stroke:#1f5fbf}\
.span.sS{fill:#8a6d00;stroke:#8a6d00}.span.sC{fill:#c65d00;stroke:#c65d00}.grid{stroke:#8884;stroke-width:.7}\
.limit{stroke:#777;stroke-dasharray:2 3}.band{fill:#0072b2;fill-opacity:.25}.line{fill:none;stroke:#0072b2;stroke-width:1.3}\
text{font:11px sans-serif;fill:#777}.end{text-anchor:end}.name{font-weight:bold}"""


def pages() -> dict[Path, str]:
    """All pages and pictures with their texts, and the navigation that lists them."""
    from tests.checks.case import cases, checks

    from iiotctl.checks.page import page

    found: dict[Path, str] = {}
    rows = []
    known = checks()
    mine = {name: [case for case in cases() if case.check == name] for name in known}
    for name, check in sorted(known.items()):
        told = page(check)
        picture = _picture(check, mine[name])
        if picture:
            found[FOLDER / f"{name}.svg"] = picture
        found[FOLDER / f"{name}.md"] = _page(told, mine[name], pictured=bool(picture))
        rows.append(f"| [{name}]({name}.md) | {check.ne107} | {check.severity} | {told.summary} |\n")
    head = "| check | NE 107 | severity | what |\n|---|---|---|---|\n"
    found[FOLDER / "index.md"] = INDEX + head + "".join(rows) + _accuracy("../../explanation")
    nav = ROOT / "mkdocs.yml"
    found[nav] = navigation(nav.read_text(encoding="utf-8"), sorted(known))
    return found


def navigation(text: str, names: Sequence[str]) -> str:
    """The navigation with the pages of the checks below `Checks:`, wherever that stands."""
    lines = text.splitlines(keepends=True)
    start = next((at for at, line in enumerate(lines) if line.strip() == "- Checks:"), None)
    if start is None:
        return text
    depth = len(lines[start]) - len(lines[start].lstrip())
    stop = start + 1
    while stop < len(lines) and len(lines[stop]) - len(lines[stop].lstrip()) > depth:
        stop += 1
    indent = " " * (depth + 4)
    entries = [f"{indent}- All checks: reference/checks/index.md\n"]
    entries += [f"{indent}- {name}: reference/checks/{name}.md\n" for name in names]
    return "".join([*lines[: start + 1], *entries, *lines[stop:]])


def _accuracy(folder: str) -> str:
    link = f"[how accurate the checks are]({folder}/{ACCURACY.name})" if ACCURACY.exists() else ""
    return f"\nMeasured recall and false findings: {link}.\n" if link else ""


def _page(told: Any, mine: Sequence[Any], *, pictured: bool) -> str:
    parts = [f"# {told.id}\n", f"{MADE}\n", f"{told.summary}\n"]
    facts = "".join(f"| {name} | {text} |\n" for name, text in told.facts)
    parts.append(f"| | |\n|---|---|\n{facts}")
    if pictured:
        about = _firing(mine)[0].recipe["about"]
        parts.append(f"![{about}]({told.id}.svg)\n\n*{about}*\n")
    parts += [f"## {head}\n\n{body}\n" for head, body in told.sections]
    if told.parameters:
        rows = "".join(f"| `{one.name}` | {one.default} | {one.meaning} |\n" for one in told.parameters)
        parts.append(f"## Parameters\n\n| name | default | meaning |\n|---|---|---|\n{rows}")
    if mine:
        rows = "".join(f"| {case.name} | {case.recipe['about']} | {_expected(case.expect)} |\n" for case in mine)
        parts.append(f"## Cases\n\nThe tests try these.\n\n| case | what happens | verdict |\n|---|---|---|\n{rows}")
    parts.append(_accuracy("../../explanation").lstrip("\n"))
    return "\n".join(part for part in parts if part).rstrip("\n") + "\n"


def _expected(expect: Mapping[str, Any]) -> str:
    if expect.get("fires"):
        return "fires"
    for word, said in (("skipped", "does not apply"), ("unjudged", "could not judge")):
        if word in expect:
            return said
    return "silent"


def _firing(mine: Sequence[Any]) -> list[Any]:
    """Cases that fire, the one called `fires` first."""
    return sorted(
        (case for case in mine if case.expect.get("fires")), key=lambda case: (case.name != "fires", case.name)
    )


def _picture(check: Any, mine: Sequence[Any]) -> str:
    """The trend of the first case that fires; a second tag that takes part stands below."""
    from tests.checks.case import data_of, run

    from iiotctl.checks.base import Judged
    from iiotctl.checks.baseline.learn import learn
    from iiotctl.findings import Finding
    from iiotctl.reports.findings import charts

    for case in _firing(mine):
        verdicts = run(case, check)
        hit = [(tag, v.spells) for tag, v in verdicts.items() if isinstance(v, Judged) and v.spells]
        if not hit:
            continue
        tag, spells = hit[0]
        spell = spells[0]
        drawn = []
        for name in [tag, *(other for other in case.recipe["tags"] if other != tag)][:2]:
            data = data_of(case, name, learns=check.learns)
            data = replace(data, baseline=learn(data) if case.recipe.get("baseline", True) else None)
            over = spell.end or data.features.end
            margin = max(over - spell.start, 1_800_000_000)
            states = [
                Finding(
                    check.id, check.severity, check.confidence, "", check.ne107, tag, start=spell.start, end=spell.end
                )
            ]
            marked = states if name == tag else []
            begin, end = max(spell.start - margin, data.features.start), min(over + margin, data.features.end)
            found = charts.chart(data, marked, begin, end)
            if found:
                drawn.append((name, data.info.unit, charts.svg(found, UTC)))
        if drawn:
            return _stacked(drawn)
    return ""


def _stacked(drawn: Sequence[tuple[str, str, str]]) -> str:
    parts = []
    for place, (name, unit, svg) in enumerate(drawn):
        inner = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
        title = html.escape(f"{name} [{unit}]" if unit else name)
        parts.append(
            f'<g transform="translate(0,{22 + 225 * place})"><text class="name" x="70" y="-8">{title}</text>{inner}</g>'
        )
    height = 225 * len(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 {height}" font-family="sans-serif">'
        f"<style>{_STYLE}</style>{''.join(parts)}</svg>\n"
    )


if __name__ == "__main__":
    from tools._pages import run

    sys.exit(run(pages()))
