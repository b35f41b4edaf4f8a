"""`iiotctl audit`: exit codes, formats, and one run on a store of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iiotctl.checks.result import AuditResult
from iiotctl.cli import app
from iiotctl.findings import NotJudged
from iiotctl.ops import audit_sensors as op
from tests.unit.reports.audits import audit, check, failed

Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture
def result() -> list[AuditResult]:
    """What the audit comes to; a test replaces it."""
    return [audit()]


@pytest.fixture
def wanted() -> list[op.Wanted]:
    """What was asked of the audit."""
    return []


@pytest.fixture
def run(
    result: list[AuditResult],
    wanted: list[op.Wanted],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Ran:
    def faked(store: Path, asked: op.Wanted, *_: object, **__: object) -> AuditResult:
        wanted.append(asked)
        return replace(result[0], store=str(store))

    monkeypatch.setattr(op, "audit_sensors", faked)
    monkeypatch.chdir(tmp_path)

    def _run(*words: str) -> tuple[int, str, str]:
        code = app.run(["audit", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return _run


@pytest.mark.parametrize(
    ("words", "code"),
    [((), 1), (("--fail-on", "critical"), 0), (("--fail-on", "medium"), 1), (("--fail-on", "low"), 1)],
)
def test_findings_at_the_level_or_above_are_exit_1(run: Ran, words: tuple[str, ...], code: int) -> None:
    assert run("sensors", *words)[0] == code


def test_a_crashed_check_is_70_whatever_was_found(run: Ran, result: list[AuditResult]) -> None:
    result[0] = failed()
    assert run("sensors")[0] == 70


def test_nothing_judged_is_8(run: Ran, result: list[AuditResult]) -> None:
    result[0] = audit(findings=[], tags=[])
    code, out, _ = run("sensors")
    assert (code, "nothing could be judged" in out) == (8, True)


def test_strict_is_8_when_one_tag_could_not_be_judged(run: Ran, result: list[AuditResult]) -> None:
    blind = [NotJudged("drift", "TT1", "no baseline")]
    result[0] = audit(findings=[], not_judged=blind, skipped=[], checks={"drift": check("drift")})
    assert run("sensors")[0] == 0
    assert run("sensors", "--strict")[0] == 8
    result[0] = replace(result[0], findings=audit().findings)
    assert run("sensors", "--strict")[0] == 1  # findings come before incompleteness


def test_alone_it_audits_the_sensors(run: Ran) -> None:
    code, out, _ = run()
    assert code == 1
    assert "PT1  failure" in out


def test_an_option_in_front_of_the_command_is_not_lost(run: Ran) -> None:
    code, _, err = run("--store", "elsewhere", "sensors")
    assert (code, "`--store` stands in front of `sensors`" in err) == (2, True)
    assert run("-q", "sensors")[0] == 1


def test_options_arrive(run: Ran, wanted: list[op.Wanted]) -> None:
    run("sensors", "--select", "gap,stale", "--select", "spike", "--ignore", "drift", "--tags", "PT*", "--from", "y")
    (asked,) = wanted
    assert (asked.select, asked.ignore, asked.tags) == (["gap", "stale", "spike"], ["drift"], ["PT*"])
    assert asked.start == "y"


@pytest.mark.parametrize("format_", ["json", "sarif"])
def test_json_on_stdout_parses_whatever_is_said_beside_it(run: Ran, format_: str) -> None:
    code, out, _ = run("sensors", "--format", format_)
    assert code == 1
    assert json.loads(out)


@pytest.mark.parametrize(
    ("name", "begins"), [("a.html", "<!DOCTYPE html>"), ("a.sarif", '{\n  "$schema"'), ("a.csv", "severity,")]
)
def test_the_name_of_the_file_chooses_the_format(run: Ran, tmp_path: Path, name: str, begins: str) -> None:
    assert run("sensors", "-o", name)[1] == ""
    assert (tmp_path / name).read_text("utf-8").startswith(begins)
    code, _, err = run("sensors", "-o", name)
    assert (code, "error[output-exists]" in err) == (2, True)
    assert run("sensors", "-o", name, "--force")[0] == 1


def test_low_is_shown_on_demand(run: Ran) -> None:
    assert "noise-up  2026" not in run("sensors")[1]
    assert "noise-up  2026" in run("sensors", "--severity", "low")[1]


def test_a_sheet_is_no_csv(run: Ran) -> None:
    code, _, err = run("sensors", "--commissioning", "--format", "csv")
    assert (code, "a commissioning sheet is not written as `csv`" in err) == (2, True)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Three days of two tags; one was without a connection for three hours of the last day."""
    begin = datetime(2026, 3, 2, tzinfo=UTC)
    lines = ["ts,tag,value,quality"]
    for minute in range(3 * 1440):
        at = (begin + timedelta(minutes=minute)).isoformat()
        lines.append(f"{at},LT1,{5 + math.sin(minute / 200):.3f},Good")
        if not 2 * 1440 + 600 <= minute < 2 * 1440 + 780:
            lines.append(f"{at},PT1,{50 + math.cos(minute / 90):.3f},Good")
    (tmp_path / "week.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    assert app.run(["import", "week.csv", "--store", "store"]) == 0
    capsys.readouterr()
    return tmp_path / "store"


def test_a_gap_is_found_and_the_healthy_tag_left_alone(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["audit", "sensors", "--store", str(store), "--select", "gap", "--to", "2026-03-05T00:00Z"]
    code = app.run([*words, "--format", "json", "--fail-on", "medium"])
    told = json.loads(capsys.readouterr().out)
    assert code == 1
    assert [(one["check"], one["tag"]) for one in told["findings"]] == [("gap", "PT1")]
    assert told["findings"][0]["start"].startswith("2026-03-04T09:59")
    assert told["judged"] == ["LT1", "PT1"]
    assert app.run(words) == 0
    out = capsys.readouterr().out
    assert "2 tags judged, 1 healthy; findings: 1 medium" in out
    assert app.run([*words, "--commissioning", "--from", "2026-03-04T00:00Z"]) in (1, 8)
    assert "Not verifiable" in capsys.readouterr().out


def test_calibrations_without_their_check_are_not_ignored(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--store", str(store), "--select", "gap", "--calibrations", "c.csv"]
    assert app.run(["audit", "sensors", *words]) == 2
    assert "`--calibrations` needs the check `calibration-drift`" in capsys.readouterr().err


def test_a_sheet_of_a_week_is_refused(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--commissioning", "--from", "2026-02-01", "--to", "2026-03-05"]
    assert app.run(["audit", "sensors", "--store", str(store), "--select", "gap", *words]) == 2
    assert "error[commissioning-range]" in capsys.readouterr().err
