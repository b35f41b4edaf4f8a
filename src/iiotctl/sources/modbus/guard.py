"""The guard of a serial bus: listen before the first byte, and send none where another master speaks.

RS-485 has one master. Two of them garble each other's requests, and a control system that loses its
answers may stop a machine. So whoever wants to send listens first, by a port that cannot send.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from iiotctl.errors import SourceError
from iiotctl.events import Event, Level
from iiotctl.sources.modbus.serialport import open_port, settings_of
from iiotctl.sources.modbus.sniff import Sniffer, heard

if TYPE_CHECKING:
    from iiotctl.site.sources import ModbusRtuSource


async def guard_bus(config: ModbusRtuSource, *, confirmed_by: str | None, tell: Callable[[Event], None]) -> None:
    """Listen to the port for `config.listen` seconds; return only when nothing was heard, or a person vouches.

    Args:
        config: port, its settings, and how long to listen. The port must not be open.
        confirmed_by: who confirmed that there is no other master (`--sole-master-confirmed-by`): what is heard
            does not refuse then, and is told as event `sole-master-confirmed`.
        tell: takes that event.

    Raises:
        SourceError: `bus-has-master`: something was heard; or why the port cannot be opened or was lost.
    """
    sniffer = Sniffer()
    lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def gone(error: SourceError) -> None:
        if not lost.done():
            lost.set_exception(error)

    port = open_port(config, listen_only=True)
    try:
        port.start(lambda data: sniffer.feed(data, time.time_ns() // 1000), gone)
        await asyncio.wait([lost], timeout=config.listen)
    finally:
        port.close()
    if lost.done():
        lost.result()
    sniffer.idle(time.time_ns() // 1000)
    found = heard(sniffer.seen)
    if confirmed_by is not None:
        text = f"{confirmed_by} confirmed that there is no other master on `{config.port}`; heard was {found}"
        seen = sniffer.seen
        data: dict[str, object] = {"name": confirmed_by, "port": config.port, "bytes": seen.bytes, "heard": found}
        tell(Event(Level.WARNING if seen.bytes else Level.NOTICE, "sole-master-confirmed", text, data=data))
        return
    if sniffer.seen.bytes:
        who = "another master" if sniffer.seen.understood else "somebody"
        raise occupied(config, f"heard within {config.listen:g} s: {found}", who=who, so="nothing was sent")


def occupied(
    config: ModbusRtuSource, cause: str, *, who: str = "another master", so: str = "nothing more is sent"
) -> SourceError:
    """The error when somebody else speaks on a bus."""
    return SourceError(
        "bus-has-master",
        f"{who} speaks on the bus of `{config.port}`; {so}",
        where=f"{config.port}, {settings_of(config)}",
        cause=cause,
        hint='`type = "modbus-rtu-listen"` takes the values from what that master reads; if you are sure that there '
        "is none, `--sole-master-confirmed-by NAME` says who is (capture, read, guess, browse, tags check)",
        retriable=True,
    )
