"""A plant behind two proxies that can be made to misbehave, and a capture of it; each a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from tests.cli.processes import Process, start
from tests.crash import rig
from tests.integration.proxy import TcpProxy

RECOVERY_S = 60.0
"""Twice the longest pause between two attempts to connect: no fault may keep a source away for longer."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Scene:
    """One story: a plant, a capture, and what happens to them.

    Attributes:
        folder: everything that it leaves.
        modbus, opcua: proxies in front of the plant.
        truth: logs of the plant, one a start.
        capture: the running capture.
    """

    def __init__(self, folder: Path, *, period_s: float = 0.5, plant_env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.period_s = period_s
        self.truth: list[Path] = []
        self.capture: rig.Capture
        self._ports = (_free_port(), _free_port())
        self.modbus = TcpProxy(("127.0.0.1", self._ports[0]))
        self.opcua = TcpProxy(("127.0.0.1", self._ports[1]))
        self._environment = dict(plant_env or {})
        self._plant: Process | subprocess.Popen[str] | None = None
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._exit.enter_context(self.modbus)
        self._exit.enter_context(self.opcua)
        self.start_plant()
        self._write_site()
        return self

    def __exit__(self, *_: object) -> None:
        process = getattr(self, "capture", None)
        if process is not None and process.process.poll() is None:
            process.kill()
        self.stop_plant()
        self._exit.close()

    @property
    def proxies(self) -> tuple[TcpProxy, TcpProxy]:
        """Both."""
        return self.modbus, self.opcua

    # --- the plant ---

    def start_plant(self) -> None:
        """Begin, on the same ports as before."""
        truth = self.folder / f"truth-{len(self.truth)}.jsonl"
        words = ("simulate", "--modbus-port", self._ports[0], "--opcua-port", self._ports[1], "--truth", truth)
        # a restarted plant has moved on, as a real one has: the same values again would look like the old ones
        more = ("--seed", 1 + len(self.truth), "--write-site", self.folder)
        log = self.folder / f"plant-{len(self.truth)}.log"
        with log.open("wb") as file:
            streams = {"stdout": file.fileno(), "stderr": file.fileno()}
            self._plant = start(*words, *more, cwd=self.folder, **streams, **self._environment)
        site = self.folder / "site.toml"
        kept = site.read_text() if site.exists() else None
        rig.wait_for(lambda: b"wrote" in log.read_bytes() or self._plant.poll() is not None, 60)  # type: ignore[union-attr]
        assert self._plant.poll() is None, log.read_text()
        if kept is not None:
            site.write_text(kept)
        self.truth.append(truth)

    def stop_plant(self) -> None:
        """End it in order, so that its log is complete."""
        if self._plant is not None and self._plant.poll() is None:
            self._plant.send_signal(signal.SIGCONT)
            self._plant.send_signal(signal.SIGINT)
            self._plant.wait(60)

    def freeze_plant(self) -> None:
        """It hangs: connections stay open, nothing answers."""
        assert self._plant is not None
        self._plant.send_signal(signal.SIGSTOP)

    def thaw_plant(self) -> None:
        """It goes on where it was."""
        assert self._plant is not None
        self._plant.send_signal(signal.SIGCONT)

    def _write_site(self) -> None:
        site = self.folder / "site.toml"
        text = site.read_text()
        for port, proxy in zip(self._ports, self.proxies, strict=True):
            text = text.replace(f"port = {port}", f"port = {proxy.port}").replace(f":{port}", f":{proxy.port}")
        text = text.replace('period = "1s"', f'period = "{self.period_s * 1000:.0f}ms"\ntimeout = "1s"')
        # the plant changes its values every 200 ms at most: sampled twice as fast, no change is skipped
        head, opcua = text.split("[sources.line1]")
        opcua = opcua.replace('publish = "500ms"', 'publish = "200ms"')
        opcua = opcua.replace(
            f'period = "{self.period_s * 1000:.0f}ms"\ntimeout = "1s"', 'period = "100ms"\ntimeout = "2s"', 1
        )
        settings = '[capture]\ncommit = "200ms"\nseal_every = "3s"\nmin_free = "1MB"\n'
        site.write_text((head + "[sources.line1]" + opcua).replace("[sources.", settings + "\n[sources.", 1))

    # --- the capture ---

    def start_capture(self, *words: object) -> None:
        """Begin, and wait until every source delivers."""
        self.capture = rig.Capture.start(self.folder / "site.toml", self.store, *words)
        self.capture.wait_commits(2)
        self.wait_recovered()

    def status(self) -> dict[str, Any]:
        """What the capture says of itself."""
        found: dict[str, Any] = json.loads((self.store / "run" / "status.json").read_text())
        return found

    def wait_recovered(self, limit: float = RECOVERY_S + 10) -> float:
        """Until every source delivers and no gap is open; seconds that took."""
        began = time.monotonic()
        before = time.time_ns() // 1000

        def is_well() -> bool:
            assert self.capture.process.poll() is None, "\n".join(self.capture.lines[-20:])
            now = self.status()
            return now["updated_us"] > before and all(
                source["state"] == "running" and source["gap_since"] is None and source["failing_tags"] == 0
                for source in now["sources"]
            )

        rig.wait_for(is_well, limit)
        return time.monotonic() - began

    def resident_kb(self) -> int:
        """Memory that the capture holds."""
        for line in Path(f"/proc/{self.capture.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def finish(self) -> None:
        """Stop the capture, then the plant, in order."""
        assert self.capture.end(2) == 130, "\n".join(self.capture.lines[-20:])
        self.stop_plant()
