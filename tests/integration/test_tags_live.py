"""`tags check --live` against a Modbus server of another codebase: what is right, what is wrong, what is dead."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import iiotctl
from tests.integration.modbus_server import ModbusServer

pytestmark = pytest.mark.integration

TAGS = """\
name,source,address,type,order,scale,unit,span
good,plc,holding:10,uint16,,0.1,bar,0;250
float,plc,holding:100,float32,CDAB,,bar,0;250
swapped,plc,holding:100,float32,ABCD,,bar,0;250
outside,plc,holding:11,uint16,,,bar,0;5
illegal,plc,holding:500,uint16,,,,
door,plc,coil:3,bool,,,,
away,dead,holding:0,uint16,,,,
"""


def site(port: int, tags: str = TAGS) -> str:
    source = 'type = "modbus-tcp"\nhost = "127.0.0.1"\ntimeout = "500ms"\n'
    return (
        'schema = 1\ntags_file = "tags.csv"\n'
        f"[sources.plc]\n{source}port = {port}\n[sources.dead]\n{source}port = {free_port()}\n"
    )


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check(folder: Path, port: int, *words: str, tags: str = TAGS) -> subprocess.CompletedProcess[str]:
    (folder / "site.toml").write_text(site(port))
    (folder / "tags.csv").write_text(tags)
    return iiotctl("tags", "check", "--live", "--format", "json", *words, cwd=folder)


def rows(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {row["tag"]: row for row in json.loads(done.stdout)["rows"]}


def test_every_verdict(tmp_path: Path) -> None:
    with ModbusServer() as server:
        high, low = struct.unpack(">HH", struct.pack(">f", 123.25))
        server.tell(f"set holding 1 100 {low}")
        server.tell(f"set holding 1 101 {high}")
        server.tell("illegal 500")
        done = check(tmp_path, server.port)
        found = rows(done)
    assert done.returncode == 1
    assert done.stderr == "7 tags: 3 ok, 1 bad, 1 outside-span, 1 suspicious-order, 1 unreachable\n"
    assert {name: row["verdict"] for name, row in found.items()} == {
        "good": "ok",
        "float": "ok",
        "swapped": "suspicious-order",
        "outside": "outside-span",
        "illegal": "bad",
        "door": "ok",
        "away": "unreachable",
    }
    assert found["good"]["value"] == pytest.approx(101.0)
    assert (found["good"]["in_span"], found["good"]["quality"], found["good"]["unit"]) == (True, "Good", "bar")
    assert found["float"]["value"] == 123.25
    assert "`CDAB` gives 123.25 bar" in found["swapped"]["note"]
    assert found["outside"]["note"] == "outside 0 to 5 bar"
    assert found["illegal"]["value"] is None
    assert "02" in found["illegal"]["note"]
    assert found["door"]["value"] in (0, 1)
    assert found["away"]["where"] == "tags.csv:8"


def test_all_right(tmp_path: Path) -> None:
    with ModbusServer() as server:
        done = check(tmp_path, server.port, "good", "door")
    assert (done.returncode, done.stderr) == (0, "2 tags: 2 ok\n")


def test_nothing_reached(tmp_path: Path) -> None:
    done = check(tmp_path, free_port())
    assert (done.returncode, done.stdout) == (4, "")
    assert "error" in done.stderr
    one = check(tmp_path, free_port(), "--source", "plc")
    assert (one.returncode, one.stdout) == (4, "")


def test_problems_of_the_list_are_told_before_anything_is_sent(tmp_path: Path) -> None:
    with ModbusServer() as server:
        done = check(tmp_path, server.port, tags=TAGS.replace("holding:10,", "holdin:10,"))
        assert server.stats()["requests"] == 0
    assert done.returncode == 3
    assert "tags.csv:2 column address" in done.stderr


def test_tables_too(tmp_path: Path) -> None:
    with ModbusServer() as server:
        (tmp_path / "site.toml").write_text(site(server.port))
        (tmp_path / "tags.csv").write_text(TAGS)
        done = iiotctl("tags", "check", "--live", "outside", cwd=tmp_path)
    assert done.returncode == 1
    assert "outside-span" in done.stdout
    assert "error[" not in done.stderr  # a finding is no error
