"""The commissioning sheet says what was passed and what nobody may sign for, in each form."""

from __future__ import annotations

import json
import re
from datetime import UTC
from pathlib import Path

import pytest

from iiotctl.checks.commissioning import Item, Loop, Outcome, Params, Sheet
from iiotctl.reports.findings import sheet
from iiotctl.reports.findings.output import Wish
from tests.unit.reports.audits import EVIL, audit


def _loop(tag: str, *outcomes: Outcome, reason: str = "") -> Loop:
    items = tuple(Item(f"{n} %", outcome, "5.1 m", "± 0.5 %", reason) for n, outcome in enumerate(outcomes))
    return Loop(tag, "Drum level", "m", (0.0, 10.0), items, 180)


SHEET = Sheet(
    (
        _loop("LT1", Outcome.PASS, Outcome.PASS),
        _loop("LT2", Outcome.PASS, Outcome.FAIL),
        _loop(EVIL, Outcome.OPEN, Outcome.PASS, reason=EVIL),
    ),
    Params(),
)


def written(format_: str, tmp_path: Path) -> str:
    sheet.write(SHEET, audit(), Wish(format_, UTC, tmp_path / "out"))
    return (tmp_path / "out").read_text("utf-8")


def test_text_ends_with_what_is_open_and_lines_to_sign(tmp_path: Path) -> None:
    text = written("table", tmp_path)
    assert "1 pass, 1 fail, 1 not verifiable" in text
    assert re.search(r"^FAIL  LT2  Drum level  \(0 to 10 m, 180 rows\)$", text, re.MULTILINE)
    assert "Not verifiable: 1" in text
    assert "hold 20 s, flat 1 % of span" in text
    assert "ab" * 32 in text
    assert re.search(r"^signature   _{40}$", text, re.MULTILINE)
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 120


def test_page_is_inert(tmp_path: Path) -> None:
    page = written("html", tmp_path)
    assert "<img" not in page
    assert "<script" not in page
    assert page.count("<article>") == 3
    assert page.index("Not verifiable") < page.index("signature</div>")


def test_json_has_all(tmp_path: Path) -> None:
    told = json.loads(written("json", tmp_path), parse_constant=pytest.fail)
    assert told["schema"] == "iiotctl.commissioning/v1"
    assert told["counts"] == {"pass": 1, "fail": 1, "not verifiable": 1}
    assert [loop["outcome"] for loop in told["loops"]] == ["pass", "fail", "not verifiable"]
    assert told["not_verifiable"] == [{"tag": EVIL, "item": "0 %", "reason": EVIL}]
    assert told["thresholds"]["tolerance"] == 0.5
    assert told["baseline"]["sha256"] == "ab" * 32
