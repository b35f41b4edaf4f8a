"""`iiotctl events` and what follows from it: tables, programs' formats, `--during`, `--by-state`, errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iiotctl.cli import app
from tests.unit.history.press import POWER, STATE, TEMPERATURE, press

RAMP = [(0, 50), (10, 70), (20, 50), (30, 70), (40, 50)]
HOT = ("events", "find", "--name", "hot", "--start", f"{TEMPERATURE} > 60", "--severity", "high")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IIOTCTL_STORE", "store")
    return press(tmp_path / "store", temperature=RAMP, power=[(at, at) for at in range(41)], state=[(0, 0), (20, 2)])


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    assert app.run(words) == code
    return capsys.readouterr()


def test_find_list_and_narrow(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no events are stored" in run(capsys, "events")[1]
    out, said = run(capsys, *HOT, "--dry-run")
    assert (out.count("new"), said) == (2, "hot: 2 events (2 new); nothing was stored\n")
    run(capsys, *HOT)
    assert run(capsys, *HOT)[1] == "hot: 2 events (2 as stored)\n"
    out, said = run(capsys, "events", "--format", "json")
    rows = json.loads(out)["rows"]
    assert [(row["event"], row["number"], row["duration"], row["severity"]) for row in rows] == [
        ("hot", 1, 10, "high"),
        ("hot", 2, 10, "high"),
    ]
    assert rows[0]["attributes"]["values"][TEMPERATURE]["max"] == 70
    assert "hot#2" in run(capsys, "events", "--name", "hot")[0]
    sql = f"SELECT count(*) AS n FROM samples WHERE tag = '{POWER}'"
    assert run(capsys, "query", sql, "--during", "hot#2", "--format", "csv")[0].split() == ["n", "10"]
    out, _ = run(capsys, "aggregate", POWER, "--function", "Count", "--during", "hot", "--format", "jsonl")
    assert [json.loads(line)["value"] for line in out.splitlines()] == [10, 10]
    out, _ = run(capsys, "export", POWER, "--during", "hot#1", "--format", "csv")
    assert len(out.splitlines()) == 11
    out, _ = run(capsys, "aggregate", "--by-state", STATE, "--format", "jsonl")
    first = json.loads(out.splitlines()[0])
    assert (first["text"], first["duration"]) == ("idle", 20)


def test_definitions_of_the_site_file(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = root.parent / "site.toml"
    site.write_text(f'schema = 1\n[[events]]\nname = "hot"\nstart = "{TEMPERATURE} > 60"\njoin = "1min"\n')
    assert run(capsys, "events", "find", "hot")[1] == "hot: 1 event (1 new)\n"
    _, said = run(capsys, "events", "find", "hott", code=3)
    assert "hint: did you mean `hot`?" in said
    site.write_text('schema = 1\n[[events]]\nname = "hot"\nstart = "oven > "\n')
    _, said = run(capsys, "events", "find", code=3)
    assert "a number is expected behind `>` (at character 8)" in said
    assert "where: site.toml:4" in said


def test_errors_name_the_flag(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = run(capsys, *HOT, "--for", "10", code=2)
    assert "where: --for" in said
    _, said = run(capsys, "events", "find", "hot", "--name", "hot", code=2)
    assert "error[bad-event]" in said
    _, said = run(capsys, "query", "FROM samples", "--during", "hot", code=8)
    assert "error[no-events]: the store knows no event `hot`" in said
    _, said = run(capsys, "aggregate", POWER, "--by-state", STATE, code=2)
    assert "with tags it needs `--function`" in said
    _, said = run(capsys, "aggregate", POWER, code=2)
    assert "`--function` is missing" in said
