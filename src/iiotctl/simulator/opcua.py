"""The OPC UA server of the simulated line: asyncua's server behind read-only nodes that tick like a PLC's.

Values are written straight into the address space with the tick's source time. Services that change
anything are refused where requests are judged (a rule set per message) and recorded.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, cast

from asyncua import ua as _ua
from asyncua.common.callback import CallbackType
from asyncua.crypto.permission_rules import PermissionRuleset, User, UserRole
from asyncua.server.server import Server
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from iiotctl.simulator.certificate import APPLICATION_URI
from iiotctl.simulator.faults import FaultBank, Measured
from iiotctl.simulator.image import Served, serve_opcua
from iiotctl.simulator.modbus import port_error
from iiotctl.simulator.nodes import build
from iiotctl.simulator.process import TICK_S
from iiotctl.simulator.tags import TAGS, SimTag
from iiotctl.simulator.truth import TruthLog

ua: Any = _ua  # asyncua's types reject what its own callers pass
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SUFFIX: Final = "Request_Encoding_DefaultBinary"
_SERVICES: Final = {
    ua.NodeId(value): name.removesuffix(_SUFFIX)
    for name, value in vars(ua.ObjectIds).items()
    if name.endswith(_SUFFIX) and isinstance(value, int)
}
# Write is let through to the nodes, which refuse it one by one as a real server does.
_SERVED: Final = frozenset(
    (
        "Read",
        "Write",
        "Browse",
        "BrowseNext",
        "TranslateBrowsePathsToNodeIds",
        "RegisterNodes",
        "UnregisterNodes",
        "CreateSubscription",
        "ModifySubscription",
        "DeleteSubscriptions",
        "TransferSubscriptions",
        "SetPublishingMode",
        "CreateMonitoredItems",
        "ModifyMonitoredItems",
        "DeleteMonitoredItems",
        "SetMonitoringMode",
        "Publish",
        "Republish",
        "HistoryRead",
    )
)
_POLICIES: Final = [
    ua.SecurityPolicyType.NoSecurity,
    ua.SecurityPolicyType.Basic256Sha256_Sign,
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
]


def _quiet() -> None:
    logger = logging.getLogger("asyncua")
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())
    logger.propagate = False


class _Rules(PermissionRuleset):
    """Counts every service, refuses those that change something."""

    def __init__(self, services: Counter[str], refused: Callable[[str, str], None]) -> None:
        self._services, self._refused = services, refused

    def check_validity(self, user: User, action_type: Any, body: object) -> bool:
        del body
        name = _SERVICES.get(action_type, str(action_type))
        self._services[name] += 1
        if name in _SERVED:
            return True
        self._refused(name, user.name or "")
        return False


class _Users:
    """Anonymous, or the one user with the right password; nobody is an administrator."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user, password

    def get_user(
        self, iserver: object, username: str | None = None, password: str | None = None, certificate: object = None
    ) -> User | None:
        del iserver, certificate
        if username is None:
            return User(role=UserRole.User, name="anonymous")
        if (username, password) == (self._user, self._password):
            return User(role=UserRole.User, name=username)
        return None


class OpcUaServer:
    """Serves the tags of `line1`."""

    def __init__(
        self,
        faults: FaultBank,
        truth: TruthLog,
        *,
        now_us: Callable[[], int],
        user: str,
        password: str,
    ) -> None:
        self._faults, self._truth, self._now_us = faults, truth, now_us
        self._user, self._password = user, password
        self._tags = [(i, tag) for i, tag in enumerate(TAGS) if tag.source == "line1"]
        self._every = {tag.name: max(1, round(tag.period / TICK_S)) for _, tag in self._tags}
        self._last: dict[str, Served] = {}
        self._nodes: dict[str, Any] = {}
        self._server: Any = None
        self._paused: dict[int, Any] = {}
        self._pausing = False
        self.services: Counter[str] = Counter()

    async def start(
        self, host: str, port: int, certificate: x509.Certificate, key: rsa.RSAPrivateKey, first: list[Measured]
    ) -> int:
        """Build the address space with the values of the first tick and listen; returns the port.

        Raises:
            SourceError: the port is taken or may not be used.
        """
        _quiet()
        server = self._server = cast("Any", Server)(user_manager=_Users(self._user, self._password))
        server.application_type = ua.ApplicationType.Server
        server.name = "iiotctl simulator"
        server.product_uri = APPLICATION_URI
        server.manufacturer_name = "iiotctl"
        server._application_uri = APPLICATION_URI  # noqa: SLF001 - before init; the setter needs the address space
        await server.init()
        server.disable_clock()  # its clock is up to a second old; see _serve_clock
        server.iserver.certificate, server.iserver.private_key = certificate, key
        server.set_identity_tokens([ua.AnonymousIdentityToken, ua.UserNameIdentityToken])
        server.set_security_policy(_POLICIES, _Rules(self.services, self._record_refusal))
        server.subscribe_server_callback(CallbackType.PreWrite, self._record_write)
        server.set_endpoint(f"opc.tcp://{_bracketed(host)}:{port}")
        server.socket_address = (host, port)
        self._nodes = await build(server, self._tags, first)
        try:
            await server.start()
        except OSError as error:
            self._server = None
            raise port_error("OPC UA", host, port, error, "--opcua-port") from error
        bound: int = server.bserver.port
        server.set_endpoint(f"opc.tcp://{_bracketed(host)}:{bound}")
        for endpoint in server.iserver.endpoints:
            endpoint.EndpointUrl = server.endpoint.geturl()
            endpoint.Server.DiscoveryUrls = [server.endpoint.geturl()]
        await self._serve_clock()
        return bound

    async def stop(self) -> None:
        """Close the port and every session."""
        if self._server is not None:
            self._resume()
            server, self._server = self._server, None
            await server.stop()

    async def _serve_clock(self) -> None:
        server = self._server
        status_id = ua.NodeId(ua.ObjectIds.Server_ServerStatus)
        clock_id = ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime)
        status = server.iserver.read_attribute_value(status_id).Value.Value

        def now(node_id: Any, attribute: Any) -> Any:
            del attribute
            at = _time(self._now_us())
            status.CurrentTime = at
            return ua.DataValue(ua.Variant(at if node_id == clock_id else status), SourceTimestamp=at)

        for node_id in (status_id, clock_id):
            server.iserver.set_attribute_value_callback(node_id, now)

    async def update(self, tick: int, at: int, measured: list[Measured]) -> None:
        """Write what is due at this tick; `at` is its source time in µs UTC."""
        links = self._faults.links("line1", tick * TICK_S)
        self._apply_links(links)
        status = links["bad-status"].statuses["status"] if "bad-status" in links else None
        written: dict[str, list[object]] = {}
        for i, tag in self._tags:
            value = measured[i] if status is None else Measured(None, status)
            served = serve_opcua(tag, value)
            last = self._last.get(tag.name)
            changed = last is None or (served.raw, served.quality) != (last.raw, last.quality)
            due = tick % self._every[tag.name] == 0
            status_changed = last is not None and served.quality != last.quality
            if not (status_changed or (changed if tag.stepped else due)):
                continue
            self._last[tag.name] = served
            await self._write(tag, served, at)
            written[tag.name] = [served.value if served.raw is not None else None, served.quality]
        if written:
            self._truth.write("opcua", at, values=written)

    async def _write(self, tag: SimTag, served: Served, at: int) -> None:
        value = ua.DataValue(
            ua.Variant(served.raw, getattr(ua.VariantType, tag.type)) if served.raw is not None else ua.Variant(),
            ua.StatusCode(served.quality),
            SourceTimestamp=_time(at),
            ServerTimestamp=_time(max(at, self._now_us())),
        )
        await self._server.iserver.write_attribute_value(self._nodes[tag.name], value)

    def _apply_links(self, links: dict[str, Any]) -> None:
        transports = list(self._server.iserver.asyncio_transports)
        if "disconnect" in links:
            for transport in transports:
                transport.abort()
        if "pause" in links:
            self._pause(transports)
        elif self._pausing:
            self._resume()

    def _pause(self, transports: list[Any]) -> None:
        self._pausing = True
        for transport in transports:  # repeated each tick: new connections come while the pause lasts
            if not transport.is_closing():
                transport.pause_reading()
        for number, subscription in self._server.iserver.subscription_service.subscriptions.items():
            if number not in self._paused:
                self._paused[number] = subscription.pub_request_callback
                subscription.pub_request_callback = lambda _: None

    def _resume(self) -> None:
        self._pausing = False
        for transport in self._server.iserver.asyncio_transports:
            if not transport.is_closing():
                transport.resume_reading()
        subscriptions = self._server.iserver.subscription_service.subscriptions
        for number, callback in self._paused.items():
            if number in subscriptions:
                subscriptions[number].pub_request_callback = callback
        self._paused.clear()

    def _record_refusal(self, service: str, user: str) -> None:
        self._truth.write("refused", self._now_us(), protocol="opcua", user=user, what=service)

    def _record_write(self, event: Any, _: object = None) -> None:
        if not event.is_external:
            return
        for item in event.request_params.NodesToWrite:
            what = f"Write {item.NodeId.to_string()}"
            self._truth.write("refused", self._now_us(), protocol="opcua", user=event.user.name or "", what=what)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _time(us: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=us)
