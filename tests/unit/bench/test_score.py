"""The score of findings against labels, by hand."""

from __future__ import annotations

import json

from bench.accuracy.score import Label, Score, add, read_findings
from bench.accuracy.table import tables

HOUR = 3600.0
LABELS = [Label("A", "stuck", 10 * HOUR, 12 * HOUR), Label("A", "bias", 30 * HOUR, 40 * HOUR)]


def finding(check: str, tag: str | None, start: str, end: str | None, severity: str = "medium") -> dict[str, object]:
    return {
        "check": check,
        "tag": tag,
        "tags": ["A", "B"],
        "start": start,
        "end": end,
        "severity": severity,
        "message": "",
    }


FINDINGS = read_findings(
    json.dumps(
        {
            "findings": [
                finding("flat-line", "A", "1970-01-01T10:05:00Z", "1970-01-01T11:00:00Z"),
                finding("spike", "A", "1970-01-02T07:00:00Z", None, "low"),  # in the bias, by another name
                finding("noise-up", "A", "1970-01-01T20:00:00Z", "1970-01-01T21:00:00Z", "low"),
                finding("gap", "C", "1970-01-01T20:00:00Z", "1970-01-01T21:00:00Z", "low"),
                finding("relation-break", "C", "1970-01-01T20:00:00Z", "1970-01-01T21:00:00Z", "info"),
            ]
        }
    )
)


def test_right_names_false_events_and_precision() -> None:
    score = Score()
    add(score, FINDINGS, LABELS, tags=3, days=7, worst=3)
    assert (score.recall, score.precision) == (0.5, 0.5)
    assert dict(score.named) == {"stuck": 1}
    assert dict(score.false) == {"gap": 1}
    assert dict(score.elsewhere) == {"noise-up": 1}
    assert score.false_per_day == 1 / 14, "two tags without a label, seven days"
    assert len(score.missed) == 1
    assert score.missed[0].startswith("A bias")


def test_only_what_is_loud_enough_counts() -> None:
    score = Score()
    add(score, FINDINGS, LABELS, tags=3, days=7, worst=2)
    assert (score.events, score.true, sum(score.false.values())) == (1, 1, 0)
    assert any("1 of 2 = 0.500" in line for line in tables(score, score, "said"))
