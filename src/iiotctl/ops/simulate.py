"""`simulate`: the press line as real servers, until a time has passed or somebody says stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iiotctl.errors import UsageError
from iiotctl.events import Event, Level
from iiotctl.reports.target import keep_out_of_store
from iiotctl.simulator.faults import parse_fault
from iiotctl.simulator.modbus import UnknownUnit
from iiotctl.simulator.plant import Plant
from iiotctl.simulator.tags import DEVICES, TAGS
from iiotctl.simulator.truth import TruthLog

_MARK: Final = "# The simulated press line:"
_MOST_WARNINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Options:
    """What to serve.

    Attributes:
        host: address to listen on.
        modbus_port: TCP port, 0 = any free one.
        opcua_port: as `modbus_port`.
        seed: the same seed gives the same plant.
        faults: texts as `simulator.faults` describes them.
        truth: file of the truth log, or None.
        unknown_unit: what a Modbus unit that is not there does.
        site_folder: folder to write `site.toml` and the server's certificate to, or None.
    """

    host: str = "127.0.0.1"
    modbus_port: int = 5020
    opcua_port: int = 4840
    seed: int = 1
    faults: tuple[str, ...] = ()
    truth: Path | None = None
    unknown_unit: UnknownUnit = "gateway"
    site_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """What is being served, once everything listens.

    Attributes:
        modbus: URL of the Modbus gateway.
        units: {unit: what it is}.
        opcua: URL of the OPC UA server.
        tags: number of tags.
        site_file: the site file written, or None.
    """

    modbus: str
    units: dict[int, str]
    opcua: str
    tags: int
    site_file: Path | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run served.

    Attributes:
        seconds: s of simulated time.
        modbus_reads: Modbus read requests.
        opcua_updates: writes of the plant into the OPC UA address space.
        refused: requests that would have changed something.
        malformed: requests that were none.
    """

    seconds: float
    modbus_reads: int
    opcua_updates: int
    refused: int
    malformed: int


async def simulate(
    options: Options,
    *,
    duration: float | None = None,
    stop: asyncio.Event | None = None,
    on_start: Callable[[Serving], None] = lambda _: None,
    on_event: Callable[[Event], None] = lambda _: None,
) -> Summary:
    """Serve until `duration` s have passed or `stop` is set.

    Raises:
        UsageError: a fault, the truth log or the folder of the site file is wrong.
        SourceError: a port cannot be listened on.
    """
    faults = [parse_fault(text) for text in options.faults]
    if options.site_folder is not None:
        check_folder(options.site_folder)
    if options.truth is not None:
        keep_out_of_store(options.truth)
    truth = TruthLog(options.truth, observer=_Observer(on_event))
    plant = Plant(
        seed=options.seed,
        host=options.host,
        modbus_port=options.modbus_port,
        opcua_port=options.opcua_port,
        faults=faults,
        truth=truth,
        unknown_unit=options.unknown_unit,
        pki=None if options.site_folder is None else options.site_folder / "simulator",
    )
    started = time.monotonic()
    async with plant:
        site_file = None if options.site_folder is None else write_site(options.site_folder, plant)
        on_start(_serving(plant, site_file))
        started = time.monotonic()
        await _until(plant, stop or asyncio.Event(), duration)
    counts = truth.counts
    return Summary(
        seconds=time.monotonic() - started,
        modbus_reads=counts.get("modbus", 0),
        opcua_updates=counts.get("opcua", 0),
        refused=counts.get("refused", 0),
        malformed=counts.get("malformed", 0),
    )


async def _until(plant: Plant, stop: asyncio.Event, duration: float | None) -> None:
    waiting = {asyncio.create_task(stop.wait()), asyncio.create_task(plant.wait())}
    try:
        done, _ = await asyncio.wait(waiting, timeout=duration, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def check_folder(folder: Path, *, example: str = "iiotctl simulate --write-site press-line") -> None:
    """Refuse to overwrite a site file that is not the simulator's; `example` is the command in the hint.

    Raises:
        UsageError: there is another `site.toml`, the folder cannot be used, or lies inside a store.
    """
    keep_out_of_store(folder)
    target = folder / "site.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_text("utf-8", "replace").startswith(_MARK):
            return
    except OSError as error:
        raise UsageError(
            "folder-unusable",
            f"the folder `{folder}` cannot be used",
            cause=error.strerror or str(error),
            hint=f"choose another, e.g. `{example}`",
        ) from error
    raise UsageError(
        "site-exists",
        f"`{target}` is not the simulator's; it stays as it is",
        hint=f"choose another folder, e.g. `{example}`",
    )


def write_site(folder: Path, plant: Plant) -> Path:
    """Write the site file that fits the running plant; returns its path."""
    target = folder / "site.toml"
    target.write_text(plant.site_toml(), encoding="utf-8")
    return target


def _serving(plant: Plant, site_file: Path | None) -> Serving:
    host = plant.reachable_host
    return Serving(
        modbus=f"modbus-tcp://{host}:{plant.modbus_port}",
        units={device.unit: device.description for device in DEVICES if device.protocol == "modbus"},
        opcua=f"opc.tcp://{host}:{plant.opcua_port}",
        tags=len(TAGS),
        site_file=site_file,
    )


class _Observer:
    """Turns records of the truth log into events; of refusals only the first ones, a scanner sends thousands."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._warnings = 0

    def __call__(self, kind: str, at: int, fields: dict[str, object]) -> None:
        if kind == "fault":
            text = f"fault {'begins' if fields['state'] == 'start' else 'ends'}: {fields['fault']}"
            self._on_event(Event(Level.NOTICE, "fault", text, at=at))
        elif kind in ("refused", "malformed"):
            self._warnings += 1
            if self._warnings > _MOST_WARNINGS:
                return
            who = fields.get("peer") or fields.get("user") or "?"
            text = f"{kind}: {fields['what']} from {who}"
            if self._warnings == _MOST_WARNINGS:
                text += "; further ones are only counted"
            self._on_event(Event(Level.NOTICE, kind, text, source=str(fields["protocol"]), at=at))
