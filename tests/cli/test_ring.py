"""The trigger ring and completeness as a user meets them, on the simulated press line."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import assert_our_form, iiotctl

TRIGGER = "press1.hydraulics.pump_loaded changes"
"""The pump loads and unloads every few seconds."""


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a ring capture of the plant whose press was away for a while."""
    folder = tmp_path_factory.mktemp("ring")
    words = [sys.executable, "-m", "iiotctl", "simulate", "--modbus-port", "0", "--opcua-port", "0"]
    process = subprocess.Popen(
        [*words, "--write-site", ".", "--fault", "press1:disconnect:start=4s,for=2s,every=7s"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "iiotctl capture" in line:
                break
        flags = ["--ring", "1min", "--keep-around", TRIGGER, "--before", "2s", "--after", "1s"]
        capture = subprocess.Popen(
            [sys.executable, "-m", "iiotctl", "capture", "--for", "10s", *flags, "--completeness-to", "tags.json"],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while True:
            status = iiotctl("capture", "status", "--format", "json", cwd=folder)
            if status.returncode == 0 and json.loads(status.stdout)["commits"] >= 3:
                break
            assert time.monotonic() < deadline, status.stderr
            time.sleep(0.3)
        (folder / "status.json").write_text(status.stdout)
        (folder / "status.txt").write_text(iiotctl("capture", "status", cwd=folder).stdout)
        _, told = capture.communicate(timeout=90)
        assert capture.returncode == 0, told
        (folder / "told.txt").write_text(told)
        yield folder
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def rows(folder: Path, *words: str) -> list[dict[str, str]]:
    done = iiotctl(*words, "--format", "csv", cwd=folder)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_what_is_stored_lies_around_the_press(captured: Path) -> None:
    windows = rows(captured, "query", "SELECT * FROM kept")
    assert windows
    assert {window["trigger"] for window in windows} == {TRIGGER}
    told = (captured / "told.txt").read_text()
    assert f"`{TRIGGER}` fired; kept from" in told
    assert "what lies between was not kept, and is no gap" in told
    (found,) = rows(
        captured,
        "query",
        "SELECT (SELECT count(*) FROM samples s WHERE tag LIKE 'press1.%' AND NOT EXISTS"
        ' (SELECT 1 FROM kept k WHERE s.ts BETWEEN k.start AND k."end")) AS stray,'
        " (SELECT count(*) FROM (SELECT tag, ts FROM samples GROUP BY ALL HAVING count(*) > 1)) AS twice,"
        " (SELECT count(DISTINCT tag) FROM samples) AS known",
    )
    assert (found["stray"], found["twice"]) == ("0", "0")
    assert found["known"] == "61", "of tags that report on change at least the value at the begin of the window"


def test_status_shows_the_ring(captured: Path) -> None:
    found = json.loads((captured / "status.json").read_text())
    assert found["ring"]["keep_s"] == 60
    assert [trigger["text"] for trigger in found["ring"]["triggers"]] == [TRIGGER]
    assert {tag["tag"] for tag in found["tags"]} >= {"press1.hydraulics.pressure", "line1.state"}
    text = (captured / "status.txt").read_text()
    assert "ring      " in text
    assert f"{TRIGGER}  " in text


@pytest.fixture(scope="module")
def by_tag(captured: Path) -> dict[str, dict[str, str]]:
    """What the store says of each tag."""
    return {row["tag"]: row for row in rows(captured, "gaps", "--completeness")}


def test_the_outage_is_missing_and_the_rest_not_kept(by_tag: dict[str, dict[str, str]]) -> None:
    assert len(by_tag) == 61
    press, line = by_tag["press1.hydraulics.pressure"], by_tag["line1.state"]
    assert press["mode"] == line["mode"] == "ring"
    assert float(press["missing"]) > 1.5
    assert press["reasons"].startswith("disconnected")
    assert (float(line["missing"]), float(line["complete_percent"])) == (0, 100)
    kept = float(line["captured"]) - float(line["not_kept"])
    assert 0 < kept < float(line["captured"])


def test_the_store_says_what_the_capture_said(captured: Path, by_tag: dict[str, dict[str, str]]) -> None:
    document = json.loads((captured / "tags.json").read_text())
    assert len(document["rows"]) == 61
    for row in document["rows"]:
        read = by_tag[row["tag"]]
        assert float(read["complete_percent"]) == pytest.approx(row["complete_percent"], abs=0.1), row["tag"]
        assert float(read["missing"]) == pytest.approx(row["missing"], abs=0.05), row["tag"]
        assert read["reasons"] == row["reasons"]
        assert float(read["captured"]) == pytest.approx(row["captured"], abs=0.05), row["tag"]


def test_completeness_does_not_go_with_a_reason(captured: Path) -> None:
    done = iiotctl("gaps", "--completeness", "--reason", "timeout", cwd=captured)
    assert done.returncode == 2
    assert_our_form(done.stderr, "bad-value")


def test_an_unknown_tag_in_a_trigger_is_an_error_before_anything_is_sent(captured: Path) -> None:
    done = iiotctl(
        "capture", "--ring", "1min", "--keep-around", "press1.hydraulic.pressure > 9", "--for", "1s", cwd=captured
    )
    assert done.returncode == 3
    assert_our_form(done.stderr, "trigger-tag")
    assert "did you mean `press1.hydraulics.pressure`?" in done.stderr


def test_the_table_of_completeness_is_not_written_over_a_file(captured: Path) -> None:
    done = iiotctl("capture", "--for", "1s", "--completeness-to", "tags.json", cwd=captured)
    assert done.returncode == 2
    assert_our_form(done.stderr, "output-exists")
