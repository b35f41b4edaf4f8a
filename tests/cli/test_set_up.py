"""explain, doctor and module start: what a newcomer tries first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iiotctl.cli import app
from iiotctl.errors import ExitCode
from iiotctl.ops import doctor
from tests.cli.shell import iiotctl


def test_explain_an_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["explain", "error[unknown-option]:"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("error[unknown-option]  class usage, exit code 2\n")
    assert "What it means:" in text
    assert "What to do:" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_explain_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["explain", "exit-codes", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {row["code"] for row in document["exit_codes"]} == {int(code) for code in ExitCode}


def test_explain_lists_every_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["explain"]) == 0
    assert "unknown-option" in capsys.readouterr().out


def test_doctor_as_json(tmp_path: Path) -> None:
    done = iiotctl("doctor", "--format", "json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["schema"] == "iiotctl.doctor/v1"
    states = {check["name"]: check["state"] for check in document["checks"]}
    assert states["polars"] == states["tflite"] == "pass"
    assert states["site-file"] == "warn"


def test_doctor_fails_with_a_fix(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [
        doctor.Check("good", doctor.State.PASS, "fine"),
        doctor.Check("bad", doctor.State.FAIL, "broken", "mend it"),
    ]
    monkeypatch.setattr(doctor, "examine", lambda *flags: checks)
    assert app.run(["doctor", "--quiet"]) == 1
    assert capsys.readouterr().out == "fail  bad   broken\n            fix: mend it\n"


def test_python_dash_m() -> None:
    assert iiotctl("--version").stdout.startswith("iiotctl 0.")
