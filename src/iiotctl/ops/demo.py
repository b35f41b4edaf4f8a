"""`demo`: the main job on a simulated plant. Plant in a thread, capture of both protocols, then questions.

The folder it leaves is an ordinary one: `site.toml` and `store/`, with which every command goes on.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.errors import IncompleteError, SourceError, UsageError
from iiotctl.events import Event
from iiotctl.ops.simulate import check_folder, write_site
from iiotctl.simulator.background import BackgroundPlant
from iiotctl.simulator.plant import Plant
from iiotctl.simulator.tags import TAGS
from iiotctl.site.load import load_site
from iiotctl.site.sources import ModbusTcpSource, OpcUaSource

if TYPE_CHECKING:
    from iiotctl.capture.summary import Summary

HOST: Final = "127.0.0.1"
SECONDS: Final = 20.0
BOILER: Final = "boiler"
"""Folder of the export, within the demo's."""
EXPORT_S: Final = 4 * 86_400.0
USUAL_PORTS: Final = (5020, 4840)
_EXAMPLE: Final = "iiotctl demo my-demo"
FAULTS: Final = (
    "press1:disconnect:start=8s,for=2s",
    "press1.motor.winding_temperature:wire-break:start=11s,for=4s",
)
"""Something must go wrong, or the demo would not show what happens then."""


@dataclass(frozen=True, slots=True)
class Started:
    """What is being served and captured.

    Attributes:
        modbus: `host:port` of the Modbus gateway.
        opcua: URL of the OPC UA server.
        tags: number of tags.
        seconds: s that the capture takes.
        store: folder of the samples.
        is_new: false when the folder of an earlier demo goes on.
    """

    modbus: str
    opcua: str
    tags: int
    seconds: float
    store: Path
    is_new: bool


@dataclass(frozen=True, slots=True)
class Captured:
    """What the capture left.

    Attributes:
        site_file: the site file.
        store: folder of the samples.
        modbus_port: port that the site file names.
        opcua_port: likewise.
        summary: figures of the capture.
        signal: number of the signal that ended it early, 0 = none.
    """

    site_file: Path
    store: Path
    modbus_port: int
    opcua_port: int
    summary: Summary
    signal: int


def capture_demo(
    folder: Path,
    *,
    seconds: float = SECONDS,
    on_start: Callable[[Started], None] = lambda _: None,
    on_event: Callable[[Event], None] = lambda _: None,
    on_second: Callable[[Summary], None] = lambda _: None,
) -> Captured:
    """Run the plant and capture it into `folder` for `seconds`.

    Raises:
        UsageError: the folder holds something else than a demo.
        SourceError: the ports that an earlier demo's site file names are taken.
        StoreError: somebody captures into that store already.
        IncompleteError: nothing was captured.
    """
    from iiotctl.ops.capture import capture
    from iiotctl.ops.site import open_settings

    is_new = prepare(folder)
    target = folder / "site.toml"
    ports = _free_ports() if is_new else _ports_of(target)
    with _plant(folder, ports) as plant:
        if is_new:
            write_site(folder, plant)
        # by flag: an IIOTCTL_STORE of the user's must not receive the samples of a demo
        opened = open_settings(target, (folder / "store").absolute())
        on_start(
            Started(
                modbus=f"{HOST}:{plant.modbus_port}",
                opcua=f"opc.tcp://{HOST}:{plant.opcua_port}",
                tags=len(TAGS),
                seconds=seconds,
                store=opened.store,
                is_new=is_new,
            )
        )
        outcome = capture(
            opened, duration_s=seconds, on_event=on_event, on_tick=lambda session: on_second(session.summary())
        )
    if not outcome.summary.stored:
        raise IncompleteError(
            "demo-empty",
            "the demo captured nothing",
            where=str(folder),
            hint="`iiotctl doctor` looks at this machine; then try again in a new folder",
        )
    return Captured(
        site_file=target,
        store=opened.store,
        modbus_port=plant.modbus_port or 0,
        opcua_port=plant.opcua_port or 0,
        summary=outcome.summary,
        signal=outcome.signal,
    )


def prepare(folder: Path) -> bool:
    """See that the folder is new, empty or an earlier demo's; returns whether it is new.

    Raises:
        UsageError: it holds something else.
    """
    if (folder / "site.toml").exists():
        check_folder(folder, example=_EXAMPLE)
        return False
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(
            "demo-folder",
            f"the folder `{folder}` is not empty and holds no demo",
            hint=f"name a new one, e.g. `{_EXAMPLE}`",
        )
    check_folder(folder, example=_EXAMPLE)
    return True


def export_demo(folder: Path = Path(BOILER)) -> None:
    """Write the export that is audited, unless an earlier demo left it."""
    from iiotctl.ops.simulate_export import FILE, simulate_export

    if not (folder / FILE).exists():
        simulate_export(folder, EXPORT_S)


@contextmanager
def _plant(folder: Path, ports: tuple[int, int]) -> Iterator[Plant]:
    plant = Plant(host=HOST, modbus_port=ports[0], opcua_port=ports[1], faults=FAULTS, pki=folder / "simulator")
    with ExitStack() as stack:
        try:
            stack.enter_context(BackgroundPlant(plant))
        except SourceError as error:
            error.hint = f"end the simulator that runs there, or name a new folder, e.g. `{_EXAMPLE}`"
            raise
        yield plant


def _free_ports() -> tuple[int, int]:
    """The usual ports when both are free, so that `iiotctl simulate` needs no flags later; else any."""
    probes = []
    try:
        for port in USUAL_PORTS:
            probe = socket.socket()
            probes.append(probe)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
    except OSError:
        return 0, 0
    finally:
        for probe in probes:
            probe.close()
    return USUAL_PORTS


def _ports_of(site_file: Path) -> tuple[int, int]:
    """The ports that an earlier demo's site file names: its user may have gone on from there."""
    sources = load_site(site_file).site.sources
    modbus, opcua = sources.get("press1"), sources.get("line1")
    if isinstance(modbus, ModbusTcpSource) and isinstance(opcua, OpcUaSource):
        port = opcua.url.removeprefix("opc.tcp://").partition("/")[0].rpartition(":")[2]
        if port.isdecimal():
            return modbus.port, int(port)
    raise UsageError(
        "demo-folder",
        f"`{site_file}` no longer names the demo's sources",
        hint=f"name a new folder, e.g. `{_EXAMPLE}`",
    )
