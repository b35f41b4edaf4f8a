"""A node-opcua server for a test: started, commanded and stopped from Python; and the sink that watches a source."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from iiotctl.events import Event
from iiotctl.samples import GapReason, SampleBatch, concat
from iiotctl.site.model import Tag
from iiotctl.site.sources import OpcUaSource as Config
from iiotctl.sources.base import CapturedTag, SourceContext
from iiotctl.sources.opcua.pacing import Timing
from iiotctl.sources.opcua.source import OpcUaSource
from tests.peers import require, require_tool

PEERS = Path(__file__).parent / "peers" / "node"
URI = "urn:iiotctl:test"
QUICK = Timing(reconnect_first=0.1, reconnect_longest=0.5, stable=5.0, retry_first=0.4, retry_longest=0.8)


class Server:
    """One node-opcua process; see `peers/node/opcua_server.js` for its options and commands."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.options = {"folder": str(folder), "truth": str(folder / "truth.jsonl"), **options}
        self.port = 0
        self.endpoint = ""
        self._process: subprocess.Popen[str] | None = None
        self._messages: queue.Queue[dict[str, Any]] = queue.Queue()

    @property
    def url(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}"

    def start(self) -> None:
        node = require_tool("node", "apt-get install nodejs npm")
        require((PEERS / "node_modules" / "node-opcua").is_dir(), "node-opcua", "make peers")
        if self.port:
            self.options["port"] = self.port
        self._process = subprocess.Popen(
            [node, str(PEERS / "opcua_server.js"), json.dumps(self.options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        ready = self._wait("ready", 60)
        self.port, self.endpoint = ready["port"], ready["endpoint"]

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):  # node-opcua prints notes of its own in between
                self._messages.put(json.loads(line))
        self._messages.put({"event": "exit"})

    def _wait(self, event: str, seconds: float) -> dict[str, Any]:
        message = self._messages.get(timeout=seconds)
        assert message["event"] == event, message
        return message

    def command(self, cmd: str, **arguments: Any) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"cmd": cmd, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._wait("done", 30)

    def kill(self) -> None:
        """End it the hard way: sockets are reset, nobody is told."""
        assert self._process is not None
        self._process.kill()
        self._clean()

    def stop(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._clean()

    def _clean(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.wait(10)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        self._messages = queue.Queue()

    def truth(self, name: str) -> list[tuple[int, Any]]:
        """(µs UTC, value) of what the server wrote to a variable."""
        lines = Path(str(self.options["truth"])).read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        return [(row["ts"], row["value"]) for row in rows if row["name"] == name]

    def services(self) -> set[str]:
        """Names of the services that the server was asked for."""
        return set(self.command("report")["services"])


READ_ONLY = {
    "GetEndpoints", "OpenSecureChannel", "CloseSecureChannel", "CreateSession", "ActivateSession", "CloseSession",
    "Browse", "BrowseNext", "Read", "CreateSubscription", "CreateMonitoredItems", "DeleteMonitoredItems", "DeleteSubscriptions",
    "Publish", "Republish", "TransferSubscriptions", "HistoryRead",
}  # fmt: skip


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Server]:
    """A server that is stopped at the end and must have seen reading services only."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder, **options)
    server.start()
    try:
        yield server
        if server._process is not None:
            assert server.services() <= READ_ONLY
    finally:
        server.stop()


def make_pair(
    folder: Path,
    stem: str,
    *,
    uri: str = "urn:iiotctl:test:server",
    names: Sequence[str] = ("localhost",),
    addresses: Sequence[str] = ("127.0.0.1",),
    first: dt.datetime | None = None,
    last: dt.datetime | None = None,
    bits: int = 2048,
) -> tuple[Path, Path]:
    """A self-signed certificate and key as PEM files."""
    folder.mkdir(parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, stem)])
    now = dt.datetime.now(dt.UTC)
    alternatives: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)]
    alternatives += [x509.DNSName(each) for each in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
    usage = x509.KeyUsage(True, True, True, True, False, True, False, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(first or now - dt.timedelta(days=1))
        .not_valid_after(last or now + dt.timedelta(days=100))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{stem}.pem", folder / f"{stem}.key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@dataclass
class Watcher:
    """A sink that keeps everything; see `iiotctl.sources.base.Sink`."""

    batches: list[SampleBatch] = field(default_factory=list)
    failures: list[tuple[list[int] | None, GapReason, int, int]] = field(default_factory=list)
    losses: list[tuple[list[int] | None, GapReason, int, int]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    bridges: int = 0

    def samples(self, batch: SampleBatch, on_commit: Callable[[], None] | None = None) -> None:
        self.batches.append(batch)
        if on_commit is not None:
            on_commit()

    def failed(self, tags: Sequence[int] | None, reason: GapReason, quality: int, at: int) -> None:
        self.failures.append((None if tags is None else list(tags), reason, quality, at))

    def lost(self, tags: Sequence[int] | None, reason: GapReason, start: int, end: int) -> None:
        assert start <= end
        self.losses.append((None if tags is None else list(tags), reason, start, end))

    def bridged(self) -> None:
        self.bridges += 1

    def event(self, event: Event) -> None:
        self.events.append(event)

    async def ready(self) -> None:
        return

    def of(self, code: int) -> SampleBatch:
        """All samples of a tag."""
        whole = concat(list(self.batches))
        return whole.take(whole.tag == code)

    def slugs(self) -> list[str]:
        return [event.slug for event in self.events]


def context(folder: Path, **more: Any) -> SourceContext:
    return SourceContext(
        now_us=lambda: time.time_ns() // 1000,
        monotonic=time.monotonic,
        folder=folder,
        state_dir=folder / "state",
        **more,
    )


def captured(*names: str, **more: Any) -> list[CapturedTag]:
    """Tags `t.<name>` for the test server's variables, codes 0, 1, …; a name may be a whole node id."""
    return [
        CapturedTag(
            code,
            Tag(
                name="t." + "".join(c if c.isalnum() else "_" for c in name),
                source="plc",
                address=name if "=" in name else f"nsu={URI};s={name}",
                **more,
            ),
        )
        for code, name in enumerate(names)
    ]


def config(url: str, **more: Any) -> Config:
    settings: dict[str, Any] = {"type": "opcua", "url": url, "period": "100ms", "publish": "100ms", "timeout": "2s"}
    return Config.model_validate({**settings, **more})


def source(settings: Config, tags: Sequence[CapturedTag], where: SourceContext) -> OpcUaSource:
    made = OpcUaSource("plc", settings, tags, where)
    made.timing = QUICK
    return made


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


async def watch(made: OpcUaSource, steps: Callable[[Watcher], Any], *, watcher: Watcher | None = None) -> Watcher:
    """Run a source while `steps(watcher)` (a coroutine function) works, then cancel and close it."""
    seen = watcher or Watcher()
    task = asyncio.create_task(made.run(seen))
    try:
        step = asyncio.ensure_future(steps(seen))
        await asyncio.wait({task, step}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            step.cancel()
            await asyncio.gather(step, return_exceptions=True)
            task.result()
        await step
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await made.close()
    return seen
