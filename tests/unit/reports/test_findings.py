"""Findings as a person and a program read them; texts of devices do no harm in any form."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from iiotctl.checks.result import FailedCheck
from iiotctl.findings import NotJudged, Severity
from iiotctl.reports.findings import as_page, as_sarif, as_table, output, sparkline, words
from tests.unit.reports.audits import EVIL, HOUR, START, audit, check, failed, finding, tag

BERLIN = ZoneInfo("Europe/Berlin")


def table(**changes: object) -> str:
    return as_table.text(audit(), as_table.Look(BERLIN, **changes))  # type: ignore[arg-type]


def written(tmp_path: Path, format_: str, **changes: object) -> str:
    target = tmp_path / "out"
    output.write(audit(**changes), output.Wish(format_, UTC, target))
    return target.read_text("utf-8")


def test_the_worst_tag_comes_first_with_letter_shape_and_word() -> None:
    lines = table().splitlines()
    assert lines[0] == "● F  PT1  failure  Reactor pressure"
    assert lines[1] == "     F high  flat-line  2026-03-04 13:00 for 3 h 10 min  first seen 2026-03-04"
    assert "held 41.37 bar" in lines[3]
    assert "■ M  TT1 or TT2  maintenance required" in lines


def test_findings_of_one_tag_stand_together() -> None:
    text = table()
    assert text.count("PT1  failure") == 1
    assert text.index("spike") < text.index("TT1 or TT2")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_asked(width: int) -> None:
    assert [line for line in table(width=width).splitlines() if len(line) > width] == []


def test_low_is_counted_and_shown_on_demand() -> None:
    assert "noise-up  2026" not in table()
    assert "1 low (1 noise-up); `--severity low` shows them" in table()
    assert "noise-up  2026" in table(severity=Severity.LOW)


def test_colour_only_repeats() -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", table(color=True))
    assert plain == table()
    assert "\x1b[31" in table(color=True)


def test_without_unicode_everything_is_ascii() -> None:
    assert table(unicode=False).isascii()
    assert "F  PT1  failure" in table(unicode=False)


def test_control_characters_are_shown_not_run() -> None:
    assert "\x1b" not in table()
    assert "\u202e" not in table()


def test_what_was_not_judged_is_said() -> None:
    text = as_table.text(failed(), as_table.Look(UTC))
    assert "not judged: never outside 0 to 100 % of span: clamped in the PLC? (ne43: PT1)" in text
    assert "failed:     the check spike at PT1: ValueError: no (spike.py:81)" in text
    assert "expired:    exception of A. Roth for gap at FT1, 2026-01-31" in text
    assert "excepted:   1 finding by the exceptions file (M. Weber)" in text
    assert "4 tags judged, 0 healthy; findings: 1 high, 3 medium, 1 low" in text
    empty = as_table.text(audit(tags=[], findings=[]), as_table.Look(UTC))
    assert "nothing could be judged" in empty


def test_sparkline_brackets_the_finding() -> None:
    row = next(line for line in table(width=120).splitlines() if "190 min against" in line)
    assert re.search(r"[▁-█ ]+\[[▁-█ ]+\][▁-█ ]+  190 min against a limit of 10 min \(1,140 rows\)", row)
    assert sparkline.bars([None, 1.0, 2.0]) == " ▁█"
    assert sparkline.bars([5.0, 5.0]) == "▄▄"
    assert sparkline.bars([None]) == ""


def test_a_short_tag_has_no_sparkline() -> None:
    assert sparkline.around(tag("X", hours=1).features, finding("gap", "X")) is None


def test_json_has_the_shape_of_the_contract(tmp_path: Path) -> None:
    told = json.loads(written(tmp_path, "json"), parse_constant=pytest.fail)
    assert told["schema"] == "iiotctl.findings/v1"
    keys = {"tool", "site", "started", "ended", "complete", "counts", "findings", "skipped", "not_judged", "excepted"}
    assert keys <= told.keys()
    assert told["complete"] is True
    assert told["counts"] == {"critical": 0, "high": 1, "medium": 3, "low": 1, "info": 0}
    first = told["findings"][0]
    assert first["start"] == "2026-03-04T12:00:00.000000Z"
    assert first["evidence"]["nan"] is None
    assert first["fingerprint"] == audit().findings[0].fingerprint
    assert told["findings"][1]["end"] is None
    assert told["findings"][3]["ne107"] is None
    assert len(told["findings"]) == 5
    assert told["not_judged"][0] == {"check": "ne43", "tag": "PT1", "reason": audit().not_judged[0].reason}


def test_jsonl_is_one_finding_a_line(tmp_path: Path) -> None:
    lines = written(tmp_path, "jsonl").splitlines()
    assert [json.loads(line)["check"] for line in lines] == ["flat-line", "drift", "spike", "gap", "noise-up"]


def test_csv_parses_back_and_runs_no_formula(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(written(tmp_path, "csv", findings=[finding("gap", "=1+1")]))))
    assert rows[0]["tag"] == "'=1+1"
    assert rows[0]["statistic"] == "190.0"
    assert rows[0]["start"] == "2026-03-04T12:00:00.000000Z"


def test_severity_given_counts_for_programs_too(tmp_path: Path) -> None:
    wish = output.Wish("json", UTC, tmp_path / "out", severity=Severity.HIGH)
    output.write(audit(), wish)
    told = json.loads((tmp_path / "out").read_text("utf-8"))
    assert [one["check"] for one in told["findings"]] == ["flat-line"]
    assert told["counts"]["medium"] == 3


def test_page_is_self_contained_and_inert() -> None:
    page = as_page.page(audit(), audit().findings, BERLIN)
    assert "<img" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:|//)""", page)
    assert page.count("<article>") == 5
    assert '<svg class="still"' in page
    assert 'class="span sF"' in page
    script = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert script
    data = json.loads(script[1])
    assert len(data["charts"]) == 4
    assert [one[2] for one in data["charts"][0]["spans"]] == ["F", "M", "none"]
    assert data["offsets"][0][1] == 3600


def test_page_of_a_clean_audit() -> None:
    page = as_page.page(audit(findings=[], excepted=[]), [], UTC)
    assert "No finding that a person must be told of." in page


def test_sarif_has_what_version_2_1_0_requires() -> None:
    log = as_sarif.document(failed(), failed().findings)
    assert log["version"] == "2.1.0"
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert run["tool"]["driver"]["name"] == "iiotctl"
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["help"]["markdown"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert result["message"]["text"]
        assert result["partialFingerprints"]["iiotctl/v1"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"tags/[\w.~%-]+", uri)
    assert [one["level"] for one in run["results"]] == ["error", "warning", "warning", "warning", "note", "note"]
    assert run["results"][-1]["suppressions"][0]["kind"] == "external"
    invocation = run["invocations"][0]
    assert invocation["executionSuccessful"] is False
    assert [n["level"] for n in invocation["toolExecutionNotifications"]] == ["error", "note"]
    json.dumps(log, allow_nan=False)


def test_a_work_order_says_all() -> None:
    text = words.work_order(finding("flat-line", "PT1"), UTC)
    assert text.splitlines()[0] == "PT1: held 41.37 bar for 3 h 10 min"
    assert "NE 107: F (failure)" in text
    assert "To do: look at the card" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (90, "2 min"),
        (3600, "1 h"),
        (11_400, "3 h 10 min"),
        (90_000, "1 d 1 h"),
        (86_400, "1 d"),
    ],
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert words.lasting(seconds) == text


def test_places() -> None:
    assert words.place(finding("gap", None, tags=("A", "B", "C"))) == "3 tags"
    assert words.together(finding("gap", "A", tags=("A", "B", "C"))) == "also B, C"
    assert words.together(finding("gap", None, tags=("A", "B", "C"))) == "A, B, C"
    assert words.since(finding("gap", "A", start=START, end=None), UTC) == "since 2026-03-02 00:00"
    assert EVIL in words.place(finding("gap", EVIL))


def test_a_tag_is_unjudged_when_no_check_of_values_could_judge_it() -> None:
    checks = {"drift": check("drift"), "gap": check("gap", learns=False)}
    blind = NotJudged("drift", "TT1", "no baseline")
    assert audit(checks=checks, not_judged=[blind], skipped=[]).unjudged_tags == ["TT1"]
    assert audit(checks=checks, not_judged=[], skipped=[NotJudged("drift", "TT1", "text")]).unjudged_tags == []
    everywhere = NotJudged("drift", "", "no baseline")
    assert len(audit(checks=checks, not_judged=[everywhere], skipped=[]).unjudged_tags) == 4
    crashed = audit(checks=checks, failed=[FailedCheck("drift", "TT1", "ValueError: no")], not_judged=[], skipped=[])
    assert crashed.unjudged_tags == ["TT1"]
    assert HOUR


def test_a_tag_whose_values_nobody_could_judge_is_not_called_healthy() -> None:
    blind = [NotJudged("drift", "TT1", "no baseline")]
    result = audit(tags=["PT1", "TT1"], findings=[], checks={"drift": check("drift")}, not_judged=blind, skipped=[])
    assert (words.healthy(result), words.unknown(result)) == (1, 1)
    text = as_table.text(result, as_table.Look(UTC))
    assert "2 tags judged, 1 healthy, 1 whose values no check could judge; findings: none" in text


def test_a_check_that_crashes_at_many_tags_is_said_once() -> None:
    failed_ = [FailedCheck("spike", f"T{n}", "ValueError: no", "spike.py:81") for n in range(3)]
    assert words.crashes(failed_) == ["the check spike at 3 tags: ValueError: no (spike.py:81)"]


def test_long_times_are_said_in_days() -> None:
    one = finding("stale", "A", evidence={"statistic": 345_600.0, "limit": 60.0, "unit": "s"})
    assert words.measured(one) == "4 d against a limit of 60 s"


def test_what_concerns_all_checks_of_a_tag_is_said_first() -> None:
    many = [NotJudged("drift", f"T{n}", f"reason {n % 6}") for n in range(60)]
    unit = NotJudged("baseline", "P", "the baseline knows this tag in `bar`")
    assert words.reasons([*many, unit], {"drift"})[0] == "the baseline knows this tag in `bar` (baseline: P)"


def test_tags_in_maintenance_are_said_to_be_left_out() -> None:
    why = [NotJudged("drift", tag_, "in maintenance all the time") for tag_ in ("A", "B", "C")]
    result = audit(tags=["C"], findings=[], checks={"drift": check("drift")}, not_judged=[], skipped=why)
    assert words.left_out(result) == ["in maintenance all the time (2 tags)"]
    assert "left out:   in maintenance all the time (2 tags)" in as_table.text(result, as_table.Look(UTC))
