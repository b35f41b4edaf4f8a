"""The cable itself: 300 ms and 5 % loss under real TCP, then pulled and put back; lost equals the ledger."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.crash import rig
from tests.faults.account import Account
from tests.peers import require, require_tool

ROOT = Path(__file__).parents[2]
PERIOD_S = 1.0

pytestmark = [
    pytest.mark.crash,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="network namespaces"),
]


class Cable:
    """The process between the two namespaces."""

    def __init__(self, folder: Path) -> None:
        unshare, _ = (
            require_tool("unshare", "apt-get install util-linux"),
            require_tool("ip", "apt-get install iproute2"),
        )
        space = [unshare, "--map-root-user", "--net", "--mount"]
        probe = "mount -t tmpfs none /run && ip netns add a && ip tuntap add mode tun name x"
        works = subprocess.run([*space, "sh", "-c", probe], capture_output=True)
        require(works.returncode == 0, "network namespaces with TUN", "run as root, with /dev/net/tun")
        line = [*space, sys.executable, "-m", "tests.faults.wire", str(folder)]
        self._process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def tell(self, *words: object) -> str:
        """Give an order; its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def start(self, where: str, *words: object) -> str:
        """Start a command of ours at one end; its process id."""
        return self.tell(where, json.dumps(rig.command(*words)))

    def close(self) -> None:
        """End it and all that it started."""
        self._process.communicate(timeout=20)


def test_bad_cable(tmp_path: Path) -> None:
    cable = Cable(tmp_path)
    try:
        truth, store, site = tmp_path / "truth.jsonl", tmp_path / "store", tmp_path / "site.toml"
        words = ("--modbus-port", 5020, "--opcua-port", 4840, "--truth", truth, "--write-site", tmp_path)
        plant = cable.start("plant", "simulate", "--host", "10.77.0.2", *words)
        rig.wait_for(lambda: b"wrote" in (tmp_path / "plant.log").read_bytes(), 60)
        text = (
            site.read_text()
            .replace("127.0.0.1", "10.77.0.2")
            .replace('publish = "500ms"', 'publish = "500ms"\nqueue = 50')
        )
        head, opcua = text.split("[sources.line1]")
        text = head + "[sources.line1]" + opcua.replace('period = "1s"', 'period = "100ms"')
        site.write_text(text.replace("[sources.", '[capture]\nmin_free = "1MB"\n[sources.', 1))
        capture = cable.start("capture", "capture", "--no-live", "--site", site, "--store", store)
        rig.wait_for(lambda: _well(store), 60)
        since = time.time_ns() // 1000

        cable.tell("wire", 0.15, 0.05)
        time.sleep(12)
        cable.tell("wire", 0.15, 1.0)  # pulled
        time.sleep(8)
        pulled = time.time_ns() // 1000
        dropped = int(cable.tell("wire", 0.0, 0.0))
        rig.wait_for(lambda: _well(store, after=pulled), 70)  # within twice the longest pause between two attempts
        time.sleep(2)

        until = time.time_ns() // 1000 - 1_500_000
        cable.tell("signal", capture, int(signal.SIGINT))
        assert cable.tell("wait", capture) == "130"
        cable.tell("signal", plant, int(signal.SIGINT))
        cable.tell("wait", plant)
    finally:
        cable.close()
    assert dropped > 10, "the wire did lose packets"
    account = Account(store, [truth], round(PERIOD_S * 1e6), since=since, until=until)
    assert account.problems() == []
    # the OPC UA server kept its values for us: what was published meanwhile is there
    assert all(account.lost_s(source) > 4 for source in ("press1", "cooling1", "meter1")), "it was pulled"


def _well(store: Path, after: int = 0) -> bool:
    status = store / "run" / "status.json"
    if not status.exists():
        return False
    now = json.loads(status.read_text())
    return now["updated_us"] > after and all(
        source["state"] == "running" and source["gap_since"] is None for source in now["sources"]
    )
