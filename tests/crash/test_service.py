"""A capture under a service manager: a real process with a notify socket, its watchdog, its log, its status."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import iiotctl

pytestmark = pytest.mark.crash

# commits hang as long as the file `stuck` is there: what a failing disk or a share does
PROGRAM = """
import sys, time
from pathlib import Path
from iiotctl.store.durable import Disk
real = Disk.sync
def sync(self, descriptor):
    while Path("stuck").exists():
        time.sleep(0.02)
    return real(self, descriptor)
Disk.sync = sync
from iiotctl.cli.app import main
sys.argv[0] = "iiotctl"
main()
"""

SITE = """\
schema = 1
[site]
name = "p"
timezone = "UTC"
[capture]
commit = "200ms"
min_free = "1MB"
[sources.old]
type = "replay"
file = "old.csv"
[[tags]]
name = "a"
source = "old"
address = "a"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    rows = [f"2026-01-01T00:{n // 600:02}:{n / 10 % 60:04.1f}Z,a,{n},0" for n in range(6000)]
    (tmp_path / "old.csv").write_text("ts,tag,value,quality\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


class Service:
    """A capture and the manager's end of its socket."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        self.socket.settimeout(60)
        environ = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "2000000"}
        self.log = (folder / "log").open("wb")
        command = [sys.executable, "-c", PROGRAM, "capture", *words]
        self.process = subprocess.Popen(command, cwd=folder, env=environ, stderr=self.log)

    def words(self) -> list[str]:
        """Of the next message."""
        return self.socket.recv(4096).decode().split("\n")

    def until(self, word: str) -> list[str]:
        """The message with a word, waiting for it; those before it are dropped."""
        while word not in (words := self.words()):
            pass
        return words

    def lines(self) -> list[dict[str, Any]]:
        """The log; every line of it is JSON."""
        return [json.loads(line) for line in (self.folder / "log").read_text(encoding="utf-8").splitlines()]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.socket.close()
        self.log.close()


@pytest.fixture
def service(folder: Path) -> Iterator[Service]:
    running = Service(folder, "--log-format", "json")
    yield running
    running.close()


def test_ready_reload_and_stop_are_told_and_the_log_is_json(service: Service) -> None:
    first = service.until("READY=1")
    assert first[0].startswith("STATUS=")
    assert "WATCHDOG=1" in first
    assert iiotctl("capture", "status", "--check", "--quiet", cwd=service.folder).returncode == 0
    service.process.send_signal(signal.SIGHUP)
    service.until("RELOADING=1")
    assert service.until("READY=1") == ["READY=1"]
    while (said := service.words()[0]).startswith("STATUS=0 ") or not said.startswith("STATUS="):
        pass  # ready is told before the first sample is durable
    service.process.send_signal(signal.SIGTERM)
    service.until("STOPPING=1")
    assert service.process.wait(60) == 143
    lines = service.lines()
    assert {line["schema"] for line in lines} == {"iiotctl.log/v1"}
    assert all({"ts", "level", "event", "message"} <= line.keys() for line in lines)
    events = {line["event"]: line for line in lines}
    assert {"capturing", "ended"} <= events.keys()
    assert events["ended"]["stopped_by"] == "signal"
    assert events["ended"]["samples"] > 0
    assert events["ended"]["gaps"] == 0
    stopped = iiotctl("capture", "status", "--check", cwd=service.folder)
    assert stopped.returncode == 5
    assert "error[capture-not-running]" in stopped.stderr


def test_commits_that_hang_let_the_watchdog_bite(service: Service) -> None:
    service.until("READY=1")
    service.until("WATCHDOG=1")
    (service.folder / "stuck").touch()
    hungry = 0
    while hungry < 3:  # the loop still runs, and says how it goes
        hungry = 0 if "WATCHDOG=1" in service.words() else hungry + 1
    (service.folder / "stuck").unlink()
    service.until("WATCHDOG=1")
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(60) == 143
    [ended] = [line for line in service.lines() if line["event"] == "ended"]
    assert ended["waiting"] == 0, "what waited is stored"


def test_an_error_is_a_line_of_the_log(folder: Path) -> None:
    (folder / "site.toml").write_text(SITE.replace("old.csv", "none.csv").replace('address = "a"\n', ""), "utf-8")
    done = iiotctl("capture", "--log-format", "json", cwd=folder)
    assert done.returncode == 3
    for line in done.stderr.splitlines():
        told = json.loads(line)
        assert told["level"] == "error"
        assert told["exit_code"] == 3


def test_the_status_of_a_killed_capture_is_not_well(service: Service) -> None:
    service.until("READY=1")
    service.process.kill()
    service.process.wait()
    assert iiotctl("capture", "status", cwd=service.folder).returncode == 0
    assert iiotctl("capture", "status", "--check", cwd=service.folder).returncode == 5


def test_a_source_without_data_is_not_well(folder: Path) -> None:
    site = SITE.replace('type = "replay"\nfile = "old.csv"', 'type = "modbus-tcp"\nhost = "127.0.0.1"\nport = 9')
    (folder / "site.toml").write_text(site.replace('address = "a"', 'address = "holding:1"'), encoding="utf-8")
    service = Service(folder, "--no-live")
    try:
        while not any("no data from old" in word for word in service.words()):
            pass
        done = iiotctl("capture", "status", "--check", cwd=folder)
        assert done.returncode == 1
        assert "no data from old" in done.stderr
    finally:
        service.close()
