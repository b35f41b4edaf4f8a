"""Commands against a running plant and its store: data parses with stderr thrown away, signals end in order."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import assert_our_form, iiotctl


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose site file fits a running simulator."""
    folder = tmp_path_factory.mktemp("plant")
    words = [sys.executable, "-m", "iiotctl", "simulate", "--modbus-port", "0", "--opcua-port", "0"]
    process = subprocess.Popen([*words, "--write-site", "."], cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "iiotctl capture" in line:
                break
        assert (folder / "site.toml").exists()
        yield folder
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def captured(plant: Path) -> Path:
    """The same folder with a few seconds of samples in it."""
    done = iiotctl("capture", "--for", "4s", cwd=plant)
    assert done.returncode == 0, done.stderr
    return plant


@pytest.fixture(scope="module")
def device(plant: Path) -> str:
    port = re.search(r"^port = (\d+)$", (plant / "site.toml").read_text(), re.MULTILINE)
    assert port
    return f"modbus-tcp://127.0.0.1:{port[1]}/1"


def parsed(text: str, form: str) -> list[dict[str, object]]:
    """Rows of an output; fails when anything else stands in it."""
    if form == "json":
        document = json.loads(text)
        assert document["schema"] == "iiotctl.table/v1"
        rows = document["rows"]
        assert all(set(row) == {column["name"] for column in document["columns"]} for row in rows)
        return list(rows)
    if form == "jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text)))


COMMANDS = [
    ("query", "SELECT tag, ts, value, quality FROM samples ORDER BY tag, ts"),
    ("last",),
    ("tags", "list"),
    ("gaps",),
]


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_stdout_parses_without_stderr(captured: Path, words: tuple[str, ...], form: str) -> None:
    done = iiotctl(*words, "--format", form, "-vv", cwd=captured)
    assert done.returncode == 0, done.stderr
    rows = parsed(done.stdout, form)
    if words[0] != "gaps":
        assert len(rows) >= 61
        assert any(row.get("tag") == "press1.hydraulics.pressure" for row in rows)


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_read_parses_without_stderr(device: str, form: str) -> None:
    done = iiotctl("read", device, "holding:0:int16", "holding:10:float32", "--format", form)
    assert done.returncode == 0, done.stderr
    rows = parsed(done.stdout, form)
    assert [row["address"] for row in rows] == ["holding:0:int16", "holding:10:float32"]
    assert {row["quality"] for row in rows} == {"Good"}


@pytest.mark.parametrize(
    "flags",
    [
        (),
        (
            "--security",
            "Basic256Sha256-SignAndEncrypt",
            "--trust-first",
            "--user",
            "reader",
            "--password-env",
            "LINE_PW",
        ),
    ],
    ids=["open", "secured"],
)
def test_read_of_an_opc_ua_server(plant: Path, flags: tuple[str, ...]) -> None:
    url = re.search(r"opc\.tcp://[\d.:]+", (plant / "site.toml").read_text())
    assert url
    done = iiotctl("read", url[0], "i=2258", *flags, "--format", "csv", LINE_PW="press-line")
    assert done.returncode == 0, done.stderr
    assert [row["quality"] for row in parsed(done.stdout, "csv")] == ["Good"]


def test_read_with_a_wrong_password_is_one_error(plant: Path) -> None:
    url = re.search(r"opc\.tcp://[\d.:]+", (plant / "site.toml").read_text())
    assert url
    flags = ("--security", "Basic256Sha256-Sign", "--trust-first", "--user", "reader", "--password-env", "LINE_PW")
    done = iiotctl("read", url[0], "i=2258", *flags, LINE_PW="hunter22")
    assert done.returncode == 4, done.stderr
    assert_our_form(done.stderr)
    assert "hunter22" not in done.stderr


def test_read_as_a_table(device: str) -> None:
    done = iiotctl("read", device, "holding:0:int16")
    assert done.returncode == 0
    assert "holding:0:int16" in done.stdout
    assert "Good" in done.stdout


def test_read_of_an_address_that_is_not_there(device: str) -> None:
    done = iiotctl("read", device, "holding:0:int16", "holding:60000", "--format", "csv")
    assert done.returncode == 4
    assert [row["quality"] for row in parsed(done.stdout, "csv")] == ["Good", "BadConfigurationError"]
    assert_our_form(done.stderr, "read-failed")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_reading(device: str, number: int, code: int) -> None:
    words = ["read", device, "holding:0:int16", "--every", "100ms", "--format", "jsonl"]
    process = subprocess.Popen(
        [sys.executable, "-m", "iiotctl", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    first = process.stdout.readline()
    process.send_signal(number)
    rest, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert errors in {"interrupted\n", "terminated\n"}
    assert len(parsed(first + rest, "jsonl")) >= 1


def test_reader_that_leaves_early(captured: Path) -> None:
    command = f"{sys.executable} -m iiotctl query 'SELECT * FROM samples' --format jsonl | head -n 1"
    done = subprocess.run(
        f"set -o pipefail; {command}", shell=True, executable="/bin/bash", cwd=captured, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["last"], 0),
        (["last", "no.such.tag"], 8),
        (["query", "DELETE FROM samples"], 2),
        (["query", "SELECT * FROM sampels"], 2),
        (["capture", "--site", "no-such.toml"], 3),
        (["tags", "check", "--site", "no-such.toml"], 3),
        (["read", "modbus-tcp://127.0.0.1:1", "holding:0"], 4),
        (["query", "SELECT 1", "--store", "site.toml"], 5),
        (["store", "status", "--store", "site.toml"], 5),
        (["last", "--store", "/dev/null/x"], 5),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_exit_code_table(captured: Path, words: list[str], code: int) -> None:
    done = iiotctl(*words, cwd=captured)
    assert done.returncode == code, done.stderr
    if code:
        assert_our_form(done.stderr)
        assert done.stdout == ""


def test_nothing_is_left_in_the_terminal_when_stderr_is_closed(captured: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m iiotctl last --format csv 2>&-",
        shell=True,
        cwd=captured,
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert done.returncode == 0
    assert parsed(done.stdout, "csv")
