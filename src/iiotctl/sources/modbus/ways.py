"""The ways to a Modbus device, one a kind of source: which wire, and which conversation on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iiotctl.errors import SourceError
from iiotctl.events import Event, Level
from iiotctl.site.sources import ModbusRtuOverTcpSource, ModbusRtuSource, ModbusTcpSource, ModbusTlsSource
from iiotctl.sources.base import place
from iiotctl.sources.modbus.framing.mbap import MbapDialogue
from iiotctl.sources.modbus.framing.rtu import RtuDialogue, Timing, timing_of
from iiotctl.sources.modbus.guard import guard_bus, occupied
from iiotctl.sources.modbus.outage import Outage, explain
from iiotctl.sources.modbus.serialport import Port, open_port
from iiotctl.sources.modbus.tls import Trust
from iiotctl.sources.modbus.transport import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from iiotctl.site.sources import PolledModbus
    from iiotctl.sources.base import SourceContext
    from iiotctl.sources.modbus.channel import Channel
    from iiotctl.sources.modbus.framing.dialogue import Dialogue
    from iiotctl.sources.modbus.framing.pairing import Pairing
    from iiotctl.sources.modbus.link import Way


def way_to(config: PolledModbus, context: SourceContext, tell: Callable[[Event], None]) -> Way:
    """The way of a source; `tell` takes events of the link, such as who vouched for a bus."""
    if isinstance(config, ModbusRtuSource):
        return SerialWay(config, context.sole_master, tell)
    if isinstance(config, ModbusTlsSource):
        return TlsWay(config, context, tell)
    assert isinstance(config, ModbusTcpSource | ModbusRtuOverTcpSource)
    return TcpWay(config.host, config.port, tell, rtu=isinstance(config, ModbusRtuOverTcpSource))


class Doubt:
    """Says once that another master was heard, where that does not stop us."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._is_told = False

    def tell(self, text: str) -> None:
        """Pass it on, the first time."""
        if not self._is_told:
            self._is_told = True
            self._tell(Event(Level.WARNING, "bus-has-master", text))


class TcpWay:
    """Modbus TCP, or serial frames as a transparent serial server carries them.

    What is known of the units on the bus outlives a connection: such a server hands over what the bus says to
    whoever is connected.
    """

    reopens = True
    listens = False

    def __init__(self, host: str, port: int, tell: Callable[[Event], None], *, rtu: bool = False) -> None:
        self._host = host
        self._port = port
        self._doubt = Doubt(tell)
        self._pairings: dict[int, Pairing] | None = {} if rtu else None

    def dialogue(self) -> Dialogue:
        """The conversation of a new connection."""
        return MbapDialogue() if self._pairings is None else RtuDialogue(self._pairings, Timing())

    async def dial(self, channel: Channel, seconds: float) -> None:
        """Connect."""
        wire = Connection(channel, self._host, self._port)
        await wire.dial(seconds)
        channel.opened(wire)

    def explain(self, error: BaseException) -> Outage:
        """Why there is no connection."""
        return explain(error, self._host, self._port)

    def overheard(self, what: str) -> None:
        """The server hands over what another master asks: told, since it may have been set up so."""
        self._doubt.tell(f"another master speaks on the bus behind `{place(self._host, self._port)}`: {what}")


class TlsWay:
    """Modbus/TCP Security: Modbus TCP inside TLS, with a certificate on both sides; never anything less."""

    reopens = True
    listens = False

    def __init__(self, config: ModbusTlsSource, context: SourceContext, tell: Callable[[Event], None]) -> None:
        self._config = config
        self._trust = Trust(config, context, tell)
        self._shaken: Channel | None = None
        """The last connection whose handshake ended."""

    def dialogue(self) -> Dialogue:
        """The conversation of a new connection."""
        return MbapDialogue()

    async def dial(self, channel: Channel, seconds: float) -> None:
        """Connect, and have the server's certificate accepted before anything is sent."""
        config = self._config
        wire = Connection(
            channel, config.host, config.port, context=self._trust.context(), server_name=config.server_name
        )
        self._shaken = None
        try:
            await wire.dial(seconds)
        except (ConnectionResetError, ConnectionAbortedError, BrokenPipeError) as error:
            raise self._trust.broken_off(error, is_shaken=bool(wire.certificate)) from error
        self._shaken = channel
        try:
            self._trust.accept(wire.certificate)
        except BaseException:
            wire.end()
            raise
        channel.opened(wire)

    def explain(self, error: BaseException) -> Outage:
        """Why there is no connection; what TLS calls its errors says little to a person."""
        if isinstance(error, ConnectionError) and self._shaken is not None and not self._shaken.answers:
            error = self._trust.broken_off(error, is_shaken=True)
        return explain(self._trust.explain(error), self._config.host, self._config.port)

    def overheard(self, what: str) -> None:
        """Never: there is no bus."""


class SerialWay:
    """A serial port, which is listened to each time before it is opened to send."""

    reopens = False
    listens = True

    def __init__(self, config: ModbusRtuSource, confirmed_by: str | None, tell: Callable[[Event], None]) -> None:
        self._config = config
        self._confirmed_by = confirmed_by
        self._tell = tell
        self._doubt = Doubt(tell)
        self._pairings: dict[int, Pairing] = {}

    def dialogue(self) -> Dialogue:
        """The conversation of a new connection."""
        return RtuDialogue(self._pairings, timing_of(self._config))

    async def dial(self, channel: Channel, seconds: float) -> None:  # noqa: ARG002 - opening a port never waits; listening has its own time
        """Listen, then open the port."""
        await guard_bus(self._config, confirmed_by=self._confirmed_by, tell=self._tell)
        port = open_port(self._config)
        port.discard()
        wire = _PortWire(port, channel)
        port.start(channel.received, wire.lost)
        channel.opened(wire)

    def explain(self, error: BaseException) -> Outage:
        """Why there is no connection."""
        return explain(error, self._config.port, 0)

    def overheard(self, what: str) -> SourceError | None:
        """Another master came onto the bus: no more bytes from us, unless a person vouched that there is none."""
        if self._confirmed_by is None:
            return occupied(self._config, f"heard while reading: {what}")
        self._doubt.tell(
            f"another master speaks on the bus of `{self._config.port}`: {what}; "
            f"{self._confirmed_by} confirmed that there is none, so reading goes on"
        )
        return None


class _PortWire:
    """A serial port as a `Wire`."""

    def __init__(self, port: Port, channel: Channel) -> None:
        self._port = port
        self._channel = channel

    def write(self, data: bytes) -> None:
        """Send; a port that is gone is told like one that was lost while reading."""
        try:
            self._port.send(data)
        except SourceError as error:
            self.lost(error)

    def end(self) -> None:
        """Close the port."""
        self._port.close()

    def lost(self, error: SourceError) -> None:
        """The port is gone."""
        self._channel.lost(error)
