"""What a capture says of itself, in words."""

from __future__ import annotations

from typing import Any

import pytest

from iiotctl.cli._wording import placed, status_lines


@pytest.mark.parametrize(
    ("text", "source", "tag", "said"),
    [
        ("no answer", "plc", "", "plc: no answer"),
        ("no value", "plc", "plc.a", "plc.a: no value"),
        ("no value of `plc.a`", "plc", "plc.a", "no value of `plc.a`"),
        ("no value of `plc.a` and 3 others", "plc", "", "no value of `plc.a` and 3 others"),
        ("no value of `x`", "plc", "", "plc: no value of `x`"),
        ("the clock jumped", "", "", "the clock jumped"),
    ],
)
def test_a_name_is_said_once(text: str, source: str, tag: str, said: str) -> None:
    assert placed(text, source, tag) == said


def _status(**changes: object) -> dict[str, Any]:
    source = {"name": "plc", "state": "running", "rate": 9.0, "lag_s": 0.0, "gaps": 1, "failing_tags": 0}
    source |= {"tags": 2, "detail": "no answer", "samples": 7}
    gaps = [{"reason": "timeout", "count": 1, "seconds": 60.0}]
    return {
        "running": True, "fresh": True, "age_s": 0.4, "state": "running", "pid": 1, "run": "r", "store": "s",
        "started_us": 0, "seconds": 1.0, "stored": 7, "durable_until_us": 0, "waiting": 0, "bytes": 0, "blocked": None,
        "gaps": gaps, "sources": [source], "warnings": [], **changes,
    }  # fmt: skip


def test_a_status_that_is_not_renewed_says_since_when() -> None:
    assert next(status_lines(_status())).startswith("capture   running, process 1")
    late = next(status_lines(_status(age_s=47.0, fresh=False)))
    assert "not renewed for 47.0 s" in late


def test_a_capture_that_has_stopped_shows_counts_and_no_rates() -> None:
    (line,) = [line for line in status_lines(_status(running=False, state="stopped")) if line.startswith("source")]
    assert line == "source    plc  7 samples  1 gap"
