"""The score as tables: for the terminal and, between markers, for the page."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.accuracy.score import NAMES, Score

PAGE: Final = Path(__file__).parents[2] / "docs/explanation/sensor-checks-accuracy.md"
BEGIN: Final = "<!-- bench accuracy: begin -->"
END: Final = "<!-- bench accuracy: end -->"


def tables(every: Score, loud: Score, said: str) -> list[str]:
    """Markdown lines: the targets, then kind by kind, then false events by check."""
    lines = [
        said,
        "",
        "| | all severities | medium and above |",
        "|---|--:|--:|",
        f"| faults found by the right name | {_share(every)} | {_share(loud)} |",
        f"| false events per clean tag and day | {every.false_per_day:.4f} | {loud.false_per_day:.4f} |",
        f"| precision | {every.precision:.3f} | {loud.precision:.3f} |",
        "",
        "| fault | check | found | medium and above |",
        "|---|---|--:|--:|",
    ]
    for kind, checks in NAMES.items():
        total = every.faults[kind]
        lines.append(
            f"| {kind} | {', '.join(f'`{check}`' for check in sorted(checks))}"
            f" | {every.named[kind]} of {total} | {loud.named[kind]} of {total} |"
        )
    lines += ["", "| check | false events on clean tags | on faulty tags, at another time |", "|---|--:|--:|"]
    for check in sorted(every.false.keys() | every.elsewhere.keys()):
        lines.append(f"| `{check}` | {every.false[check]} | {every.elsewhere[check]} |")
    if not every.false and not every.elsewhere:
        lines.append("| none | 0 | 0 |")
    return lines


def _share(score: Score) -> str:
    return f"{sum(score.named.values())} of {sum(score.faults.values())} = {score.recall:.3f}"


def write(lines: list[str]) -> None:
    """Put them between the markers of the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}", encoding="utf-8")
