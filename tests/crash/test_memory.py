"""Memory of a capture of 1,000 tags at 1 Hz stays flat below 250 MB: seconds in `make test`, an hour in `make soak`."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash import rig

SECONDS = 3600 if rig.SOAK else 12
LIMIT_KB = 250_000
TAGS = 1000

pytestmark = [pytest.mark.crash, pytest.mark.timeout(SECONDS + 300)]


@contextmanager
def _server() -> Iterator[int]:
    """A Modbus server of another codebase with 1,000 registers; its port."""
    from pyModbusTCP.server import ModbusServer

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ModbusServer(host="127.0.0.1", port=port, no_block=True)
    server.start()
    try:
        server.data_bank.set_holding_registers(0, [number % 65_536 for number in range(TAGS)])
        yield port
    finally:
        server.stop()


def _resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_stays_flat(tmp_path: Path) -> None:
    with _server() as port:
        site = tmp_path / "site.toml"
        tags = "\n".join(f"plant.t{number},plant,holding:{number}" for number in range(TAGS))
        (tmp_path / "tags.csv").write_text("name,source,address\n" + tags + "\n")
        site.write_text(
            'schema = 1\ntags_file = "tags.csv"\n[capture]\nmin_free = "1MB"\nseal_every = "5s"\n'
            f'[sources.plant]\ntype = "modbus-tcp"\nhost = "127.0.0.1"\nport = {port}\n'
        )
        # a process that shares no memory with another one
        capture = rig.Capture.start(site, tmp_path / "store", PYTHONHASHSEED="0")
        capture.wait_commits(6)  # past the first seal, which loads the rest of the libraries
        sizes: list[int] = []
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            sizes.append(_resident_kb(capture.process.pid))
            time.sleep(1)
        assert capture.end(2) == 130
    assert max(sizes) < LIMIT_KB
    assert rig.samples(tmp_path / "store").height >= TAGS * 5
    if rig.SOAK:
        tenth = len(sizes) // 10
        assert min(sizes[-tenth:]) < 1.1 * max(sizes[:tenth]), "it grows"
