"""What can be said of a source before contact: where it is, and how long one request will take. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iiotctl.site.sources import ModbusRtuOverTcpSource, ModbusRtuSource
from iiotctl.sources.base import place
from iiotctl.sources.modbus.framing.rtu import timing_of

if TYPE_CHECKING:
    from iiotctl.site.sources import PolledModbus
    from iiotctl.sources.modbus.frame import AnyRequest

ANSWER_S: Final = 0.02
"""Time that a device takes to answer, when nothing is known of it: PLCs take 5 to 50 ms."""
_CONVERTER_S: Final = 0.02
"""What a converter from TCP to a serial bus adds, beside the time on the bus, whose speed is not known here."""


def place_of(config: PolledModbus) -> str:
    """Host and port, or the serial port with its settings."""
    if isinstance(config, ModbusRtuSource):
        from iiotctl.sources.modbus.serialport import settings_of

        return f"{config.port} {settings_of(config)}"
    host, port = config.bus
    return place(host, int(port))


def exchange_s(config: PolledModbus, request: AnyRequest) -> float:
    """Seconds from one request to the next on the same connection, as far as they can be known beforehand."""
    wanted = ANSWER_S
    if isinstance(config, ModbusRtuSource):
        wanted += timing_of(config).exchange(request)
    elif isinstance(config, ModbusRtuOverTcpSource):
        wanted += _CONVERTER_S
    wanted = (wanted + config.delay) / getattr(config, "window", 1)
    return max(wanted, 1.0 / config.max_rate) if config.max_rate is not None else wanted
