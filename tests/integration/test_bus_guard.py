"""`capture` on a bus that has a master: not one byte, a gap with its cause, and a person who can vouch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.modbus_server import ModbusServer
from tests.integration.rtu_bus import RtuBus

pytestmark = pytest.mark.integration

SITE = """\
schema = 1
[site]
name = "p"
timezone = "UTC"
[capture]
min_free = "1MB"
[sources.bus]
type = "modbus-rtu"
port = "PORT"
baudrate = 115200
parity = "none"
period = "200ms"
unit = 5
[[tags]]
name = "bus.x"
source = "bus"
address = "holding:3"
"""
OTHER = """\
[sources.other]
type = "modbus-tcp"
host = "127.0.0.1"
port = PORT
period = "200ms"
[[tags]]
name = "other.x"
source = "other"
address = "holding:3"
"""


def capture(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "iiotctl", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)


def rows(folder: Path, *words: str) -> list[dict[str, object]]:
    done = capture(folder, *words, "--format", "json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)["rows"]
    return found


def test_a_bus_with_a_master_hears_nothing_from_us_until_it_falls_silent(tmp_path: Path) -> None:
    with RtuBus() as bus, ModbusServer() as server:
        ours = bus.port()
        bus.server(5)
        master = bus.master(30, "9:3:0:10")
        site = SITE.replace("PORT", ours) + OTHER.replace("PORT", str(server.port))
        (tmp_path / "site.toml").write_text(site, encoding="utf-8")
        command = [sys.executable, "-m", "iiotctl", "capture", "--for", "60s", "--log-format", "json"]
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        told = []
        for line in process.stderr:
            told.append(json.loads(line))
            event = (told[-1]["event"], told[-1].get("source"))
            if event == ("source-down", "bus"):
                assert bus.sent[ours] == b""
                assert "another master speaks" in told[-1]["message"]
                assert "`unit 9 FC 3 0-9`" in told[-1]["message"]
                bus.cut(master.path)
            if event == ("source-up", "bus"):
                process.terminate()
        process.stderr.close()
        assert process.wait() == 143, told
    [gap] = [row for row in rows(tmp_path, "gaps") if row["source"] == "bus"]
    assert gap["reason"] == "refused"
    [counted] = rows(
        tmp_path,
        "query",
        "SELECT count(*) FILTER (tag = 'bus.x' AND value = 5003) AS bus, count(*) FILTER (tag = 'other.x') AS other, "
        "count(*) FILTER (tag = 'other.x' AND ts < (SELECT min(ts) FROM samples WHERE value = 5003)) AS before FROM samples",
    )
    assert min(counted.values()) > 0, "the other source did not wait"  # type: ignore[type-var]


def test_alone_it_ends_with_the_error_and_says_what_to_do(tmp_path: Path) -> None:
    with RtuBus() as bus:
        ours = bus.port()
        bus.server(1)
        bus.master(30, "1:3:0:10")
        (tmp_path / "site.toml").write_text(SITE.replace("PORT", ours), encoding="utf-8")
        done = capture(tmp_path, "capture", "--for", "6500ms")
        assert bus.sent[ours] == b""
    assert done.returncode == 4
    assert "error[bus-has-master]" in done.stderr
    assert "modbus-rtu-listen" in done.stderr
    assert "--sole-master-confirmed-by" in done.stderr


def test_a_person_vouches_and_that_is_kept(tmp_path: Path) -> None:
    with RtuBus() as bus:
        ours = bus.port()
        bus.server(5)
        master = bus.master(30, "9:3:0:1")
        (tmp_path / "site.toml").write_text(SITE.replace("PORT", ours), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-m", "iiotctl", "capture", "--for", "8s", "--sole-master-confirmed-by", "M. Weber"],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "M. Weber confirmed" in line:
                bus.cut(master.path)  # it was a foreman's laptop, and it is gone now
        process.stderr.close()
        assert process.wait() == 0, said
        assert bus.sent[ours] != b""
    [kept] = json.loads(capture(tmp_path, "capture", "status", "--format", "json").stdout)["sole_master_confirmed"]
    assert kept["name"] == "M. Weber"
    assert kept["source"] == "bus"
    assert kept["bytes"] > 0
    assert "unit 9" in kept["heard"]
    assert rows(tmp_path, "query", "SELECT count(*) AS n FROM samples WHERE value = 5003")[0]["n"] > 0  # type: ignore[operator]
