"""Every request that iiotctl may ever send to a device. What is not in this list cannot be encoded.

The list is enforced where requests become bytes: `sources/modbus/channel.py` looks at the bytes of the request
itself right before they are written, `sources/opcua/` at the type of each service request. All entries read; none changes a process value, a configuration or a program. `tools/gen_requests.py`
prints the list as `docs/reference/requests.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from iiotctl.errors import IiotctlError


@dataclass(frozen=True, slots=True)
class ModbusFunction:
    """A Modbus function that only reads (Modbus Application Protocol V1.1b3 §6)."""

    code: int
    name: str
    purpose: str


@dataclass(frozen=True, slots=True)
class OpcUaService:
    """An OPC UA service that changes nothing but our own session (OPC 10000-4 §5)."""

    name: str
    service_set: str
    purpose: str


MODBUS: Final = (
    ModbusFunction(1, "Read Coils", "tags of the table `coil`"),
    ModbusFunction(2, "Read Discrete Inputs", "tags of the table `discrete`"),
    ModbusFunction(3, "Read Holding Registers", "tags of the table `holding`"),
    ModbusFunction(4, "Read Input Registers", "tags of the table `input`"),
    ModbusFunction(43, "Read Device Identification (MEI type 14 only)", "maker and product of a device (`browse`)"),
)

ENCAPSULATED: Final = 43
"""Encapsulated Interface Transport (§6.19): what it does is decided by the MEI type that follows."""
READ_IDENTIFICATION: Final = 14
"""MEI type of Read Device Identification (§6.21); 13 is CANopen, which can write."""
_IDENTIFICATION_SIZE: Final = 4
_FIRST_BUS_UNIT: Final = 1
_LAST_BUS_UNIT: Final = 247

OPCUA: Final = (
    OpcUaService("FindServers", "Discovery", "which servers an endpoint knows"),
    OpcUaService("GetEndpoints", "Discovery", "security policies and certificate of a server"),
    OpcUaService("OpenSecureChannel", "SecureChannel", "open and renew our channel"),
    OpcUaService("CloseSecureChannel", "SecureChannel", "close our channel"),
    OpcUaService("CreateSession", "Session", "open our session"),
    OpcUaService("ActivateSession", "Session", "log in"),
    OpcUaService("CloseSession", "Session", "log out"),
    OpcUaService("Browse", "View", "list nodes"),
    OpcUaService("BrowseNext", "View", "continue a list of nodes"),
    OpcUaService("TranslateBrowsePathsToNodeIds", "View", "find a node by its path"),
    OpcUaService("Read", "Attribute", "values, data types, server status, limits"),
    OpcUaService("HistoryRead", "Attribute", "values that the server recorded, for `backfill`"),
    OpcUaService("CreateMonitoredItems", "MonitoredItem", "ask for changes of values"),
    OpcUaService("ModifyMonitoredItems", "MonitoredItem", "change our own sampling or filter"),
    OpcUaService("SetMonitoringMode", "MonitoredItem", "pause and resume our own items"),
    OpcUaService("DeleteMonitoredItems", "MonitoredItem", "drop our own items"),
    OpcUaService("CreateSubscription", "Subscription", "open our subscription"),
    OpcUaService("ModifySubscription", "Subscription", "change our own publishing interval"),
    OpcUaService("SetPublishingMode", "Subscription", "pause and resume our own subscription"),
    OpcUaService("Publish", "Subscription", "fetch notifications, acknowledge what is on disk"),
    OpcUaService("Republish", "Subscription", "fetch a notification that was lost on the way"),
    OpcUaService("TransferSubscriptions", "Subscription", "take our subscription to a new session"),
    OpcUaService("DeleteSubscriptions", "Subscription", "close our subscription"),
)

MODBUS_CODES: Final = frozenset(function.code for function in MODBUS)
OPCUA_NAMES: Final = frozenset(service.name for service in OPCUA)


class ForbiddenRequestError(IiotctlError):
    """A request that is not on the list was about to be encoded: a bug, stopped before a byte was sent."""

    def __init__(self, request: str) -> None:
        super().__init__(
            "request-forbidden",
            f"{request} is not on the list of requests that iiotctl may send",
            cause="a bug in iiotctl; nothing was sent",
            hint="report it; the list: `docs/reference/requests.md`",
        )


def check_modbus(pdu: bytes) -> None:
    """Let a request pass, or stop it.

    Args:
        pdu: the request from its function code on, without unit identifier and checksum.

    Raises:
        ForbiddenRequestError: the function code is not in `MODBUS`, or it is 43 with another MEI type than 14.
    """
    code = pdu[0] if pdu else 0
    if code not in MODBUS_CODES:
        raise ForbiddenRequestError(f"Modbus function code {code}")
    if code == ENCAPSULATED and (len(pdu) != _IDENTIFICATION_SIZE or pdu[1] != READ_IDENTIFICATION):
        raise ForbiddenRequestError(f"Modbus function code {code} with `{pdu[1:].hex(' ')}`")


def check_bus_unit(unit: int) -> None:
    """Let an address on a serial bus pass, or stop it: 0 is a broadcast, which every device obeys.

    Raises:
        ForbiddenRequestError: not 1 to 247 (Modbus over Serial Line V1.02 §2.2).
    """
    if not _FIRST_BUS_UNIT <= unit <= _LAST_BUS_UNIT:
        raise ForbiddenRequestError(f"a request to unit {unit} of a serial bus")


def check_opcua(service: str) -> None:
    """Let a service pass by its name, with or without the ending `Request` (`Read`, `ReadRequest`), or stop it.

    Raises:
        ForbiddenRequestError: the service is not in `OPCUA`.
    """
    if service.removesuffix("Request") not in OPCUA_NAMES:
        raise ForbiddenRequestError(f"OPC UA service {service}")
