"""`iiotctl audit sensors --calibrations`: from a CSV to a finding, and what is said of a bad one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iiotctl.cli import app

HEAD = "tag,date,as_found_error,as_left_error,tolerance,unit\n"
SELECT = ("--select", "calibration-drift", "--format", "json")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A store with two tags of a few hours."""
    lines = [f"2026-03-02T{hour:02d}:00:00Z,{tag},5,Good" for tag in ("PT1", "PT2") for hour in range(6)]
    (tmp_path / "day.csv").write_text("\n".join(["ts,tag,value,quality", *lines]) + "\n")
    monkeypatch.chdir(tmp_path)
    assert app.run(["import", "day.csv", "--store", "store"]) == 0
    capsys.readouterr()
    return tmp_path


def _audit(*words: str) -> int:
    return app.run(["audit", "sensors", "--store", "store", *SELECT, *words])


def test_a_record_becomes_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "c.csv").write_text(f"{HEAD}PT1,2026-01-10,3.2,,2.0,bar\n")
    assert _audit("--calibrations", "c.csv") == 1
    told = json.loads(capsys.readouterr().out)
    (one,) = told["findings"]
    assert (one["check"], one["tag"], one["severity"], one["ne107"]) == ("calibration-drift", "PT1", "high", "S")
    assert one["message"].endswith("found it off by +3.2 bar and did not adjust it: its tolerance is 2 bar")
    assert one["start"].startswith("2026-01-10")
    assert one["evidence"]["record"] == "c.csv:2"
    assert [(each["tag"], each["reason"]) for each in told["skipped"]] == [("PT2", "no calibration record")]


def test_the_site_file_names_the_records(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "c.csv").write_text(f"{HEAD}PT1,2026-01-10,2.5,0,2.0,\n")
    (folder / "site.toml").write_text('schema = 1\n[site]\nname = "S"\n[audit]\ncalibrations = "c.csv"\n')
    assert _audit("--site", "site.toml", "--fail-on", "medium") == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["severity"] == "medium"


def test_a_tag_that_there_is_not_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "c.csv").write_text(f"{HEAD}PT11,2026-01-10,0,0,2.0,bar\n")
    _audit("--calibrations", "c.csv")
    (warning,) = json.loads(capsys.readouterr().out)["warnings"]
    assert warning.startswith("c.csv:2: calibrations of `PT11`, which the store does not have; did you mean `PT1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{HEAD}PT1,tomorrow,0,0,2.0,bar\n", "c.csv:2 column date"),
        (None, "does not exist"),
    ],
)
def test_a_bad_file_ends_before_anything_is_judged(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    if text is not None:
        (folder / "c.csv").write_text(text)
    assert _audit("--calibrations", "c.csv") == 3
    assert said in capsys.readouterr().err
