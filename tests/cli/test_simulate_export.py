"""`simulate --export` and what an audit says of it: two sensors lie, the others are left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iiotctl.checks import registry
from iiotctl.cli import app
from iiotctl.simulator.sensors import DRIFTING, FROZEN


@pytest.fixture
def boiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    assert app.run(["simulate", "--write-site", "boiler", "--export", "4d"]) == 0
    assert app.run(["import", "boiler/export.parquet", "--site", "boiler/site.toml"]) == 0
    capsys.readouterr()
    return tmp_path / "boiler"


@pytest.mark.skipif(not {"flat-line", "drift"} <= set(registry.names()), reason="the checks are not there")
def test_two_are_found_and_the_others_left_alone(boiler: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = app.run(["audit", "sensors", "--site", str(boiler / "site.toml"), "--format", "json", "--fail-on", "medium"])
    told = json.loads(capsys.readouterr().out)
    assert code == 1
    loud = [one for one in told["findings"] if one["severity"] in ("critical", "high", "medium")]
    assert {(one["check"], one["tag"]) for one in loud} >= {("flat-line", FROZEN)}
    assert any(one["check"] == "drift" and DRIFTING in (one["tag"], *one["tags"]) for one in loud)
    named = {tag for one in loud for tag in (one["tag"], *one["tags"]) if tag}
    assert named <= {FROZEN, DRIFTING, "boiler1.level_a"}  # of two that disagree either may be named
    assert len(told["judged"]) == 10


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--export", "4d"], "`--export` needs `--write-site`"),
        (["--export", "1d", "--write-site", "x"], "must be 3 to 31 days"),
        (["--export", "soon", "--write-site", "x"], "the value of `--export` is wrong"),
    ],
)
def test_what_is_wrong_is_named(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert app.run(["simulate", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_folder_in_use_is_left_alone(boiler: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (boiler / "export.parquet").read_bytes()
    assert app.run(["simulate", "--write-site", str(boiler), "--export", "4d"]) == 2
    assert (boiler / "export.parquet").read_bytes() == before
