"""`iiotctl simulate` as a user starts and ends it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyModbusTCP.client import ModbusClient

from iiotctl.site.load import load_site
from tests.cli.shell import assert_our_form, iiotctl

FREE = ("--modbus-port", "0", "--opcua-port", "0")


@contextmanager
def _running(cwd: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A simulator that listens, and its first lines."""
    process = subprocess.Popen(
        [sys.executable, "-m", "iiotctl", "simulate", *FREE, *words],
        cwd=cwd, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        lines = []
        while not lines or "iiotctl" not in lines[-1]:
            line = process.stderr.readline()
            assert line, lines
            lines.append(line.rstrip("\n"))
        yield process, lines
    finally:
        process.kill()
        process.communicate()


def test_for_a_time_with_everything(tmp_path: Path) -> None:
    done = iiotctl(
        "simulate", *FREE, "--for", "1500ms", "--write-site", "line", "--truth", "truth.jsonl",
        "--fault", "line1.state:flat-line:start=500ms", "--seed", "7", cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert re.match(r"Modbus TCP +modbus-tcp://127\.0\.0\.1:\d+ ", lines[0])
    assert re.match(r"OPC UA +opc\.tcp://127\.0\.0\.1:\d+ ", lines[1])
    assert "iiotctl capture --site line/site.toml" in done.stderr
    assert "fault begins: line1.state:flat-line:start=500ms" in done.stderr
    assert re.match(r"served \d s: 0 Modbus requests, \d+ OPC UA updates; refused 0, malformed 0; truth", lines[-1])
    records = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert (records[0]["kind"], records[0]["seed"], records[-1]["kind"]) == ("start", 7, "end")
    site = load_site(tmp_path / "line" / "site.toml").site
    assert site.sources["press1"].port == records[0]["ports"]["modbus"]  # type: ignore[union-attr]
    assert f":{records[0]['ports']['opcua']}" in site.sources["line1"].url  # type: ignore[union-attr]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: int, code: int) -> None:
    with _running(tmp_path, "--truth", "truth.jsonl") as (process, lines):
        found = re.search(r"127\.0\.0\.1:(\d+)", lines[0])
        assert found
        client = ModbusClient("127.0.0.1", int(found[1]), unit_id=1, timeout=10.0)
        assert client.read_holding_registers(0, 5)
        assert client.write_single_register(0, 1) is False
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        client.close()
    assert (process.returncode, out) == (code, "")
    assert "refused: write single register (FC 6) from 127.0.0.1:" in err
    assert re.match(r"served \d+ s: 1 Modbus requests, \d+ OPC UA updates; refused 1, ", err.splitlines()[-1])
    assert "Traceback" not in err
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert kinds[-1] == "end"
    assert {"modbus", "refused"} <= set(kinds)


@pytest.mark.parametrize("flag", ["--modbus-port", "--opcua-port"])
def test_a_port_in_use(flag: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = iiotctl("simulate", *FREE, flag, port, "--for", "1s", cwd=tmp_path)
    assert done.returncode == 4
    assert_our_form(done.stderr, "port-unavailable")
    assert flag in done.stderr


@pytest.mark.parametrize(
    ("words", "slug", "code"),
    [
        (["--fault", "press1.motor.curent:flat-line"], "bad-fault", 2),
        (["--fault", "press1"], "bad-fault", 2),
        (["--truth", "nowhere/truth.jsonl"], "truth-file", 2),
        (["--for", "10"], "bad-value", 2),
        (["--modbus-port", "70000"], "bad-value", 2),
        (["--unknown-unit", "rude"], "bad-value", 2),
        (["--host", "192.0.2.1"], "port-unavailable", 4),
        (["--write-site", "other"], "site-exists", 2),
        (["--write-site", "file"], "folder-unusable", 2),
    ],
)
def test_bad_input_is_one_error(words: list[str], slug: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "site.toml").write_text("# mine\n")
    (tmp_path / "file").write_text("")
    done = iiotctl("simulate", *FREE, "--for", "1s", *words, cwd=tmp_path)
    assert_our_form(done.stderr, slug)
    assert done.returncode == code
    assert (tmp_path / "other" / "site.toml").read_text() == "# mine\n"


def test_its_own_site_file_is_written_again(tmp_path: Path) -> None:
    for _ in range(2):
        done = iiotctl("simulate", *FREE, "--for", "100ms", "--write-site", ".", "-q", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
