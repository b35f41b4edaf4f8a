"""What asyncua, the system and the server say when something fails, turned into one clear error with its cure."""

from __future__ import annotations

import socket
from enum import Enum
from pathlib import Path
from typing import Final

from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from iiotctl import quality
from iiotctl.errors import IiotctlError, SourceError
from iiotctl.samples import GapReason


class Stage(Enum):
    """How far a connection had come."""

    SOCKET = "dial"
    CHANNEL = "open the secure channel"
    SESSION = "create the session"
    LOGIN = "log in"
    RUNNING = "work"


class ServiceError(Exception):
    """The server answered a request with a Bad status; the session lives on."""

    def __init__(self, service: str, code: int) -> None:
        super().__init__(f"{service}: {quality.name(code)}")
        self.service = service
        self.code = code


class NotOpcUaError(ConnectionError):
    """The peer sent bytes that are no OPC UA message.

    Attributes:
        sample: the first of them.
    """

    def __init__(self, sample: bytes) -> None:
        super().__init__("the peer sent what is no OPC UA message")
        self.sample = sample


class SessionLostError(Exception):
    """The connection or the session is gone; a new one is needed.

    Attributes:
        reason: how capture shall call the gap.
        quality: status code of the null rows.
    """

    def __init__(self, text: str, reason: GapReason, code: int) -> None:
        super().__init__(text)
        self.reason = reason
        self.quality = code


SESSION_FATAL: Final = frozenset(
    quality.CODES[name]
    for name in (
        "BadSecureChannelIdInvalid",
        "BadSessionIdInvalid",
        "BadSessionClosed",
        "BadSessionNotActivated",
        "BadServerHalted",
        "BadShutdown",
        "BadConnectionClosed",
        "BadServerNotConnected",
    )
) | {0x80860000, 0x80AC0000, 0x80AD0000}  # BadSecureChannelClosed, BadConnectionRejected, BadDisconnect

_TRUST: Final = frozenset(
    {
        0x80130000,  # BadSecurityChecksFailed
        0x80120000,  # BadCertificateInvalid
        0x80180000,  # BadCertificateUseNotAllowed
        0x801A0000,  # BadCertificateUntrusted
        0x80590000,  # BadNoValidCertificates
        0x80580000,  # BadApplicationSignatureInvalid
        0x810D0000,  # BadCertificateChainIncomplete
        0x81140000,  # BadCertificatePolicyCheckFailed
    }
)
_BAD_URI: Final = 0x80170000
_OUR_TIME: Final = 0x80140000
_USER: Final = frozenset({0x801F0000, 0x80200000, 0x80210000, 0x80570000})  # … BadUserSignatureInvalid
_POLICY: Final = frozenset({0x80540000, 0x80550000})
_FULL: Final = frozenset({0x80560000, 0x80030000, 0x80040000, 0x80780000})


def lost(error: BaseException) -> SessionLostError:
    """The loss of a session from what a request raised."""
    if isinstance(error, TimeoutError):
        return SessionLostError("the server does not answer any more", GapReason.TIMEOUT, quality.BAD_TIMEOUT)
    if isinstance(error, UaStatusCodeError):
        return ended(int(error.code))
    text = str(error) or type(error).__name__
    return SessionLostError(f"the connection is gone: {text}", GapReason.DISCONNECTED, quality.BAD_NO_COMMUNICATION)


def ended(code: int) -> SessionLostError:
    """The loss of a session that the server ended with a status code."""
    text = f"the connection is gone: {quality.name(code)}"
    return SessionLostError(text, GapReason.DISCONNECTED, quality.BAD_NO_COMMUNICATION)


def _socket_error(error: OSError | TimeoutError, where: str) -> SourceError:
    host_hint = "check the address, cable and firewall: `ping`, then `iiotctl read`"
    if isinstance(error, socket.gaierror):
        return SourceError(
            "source-host-unknown",
            "the host name cannot be resolved",
            where=where,
            cause=error.strerror,
            hint="use the server's IP address in `url`",
            retriable=True,
        )
    if isinstance(error, ConnectionRefusedError):
        return SourceError(
            "source-refused",
            "the host refuses the connection: no OPC UA server listens on this port",
            where=where,
            hint="check the port (4840 is usual) and that the server runs",
            retriable=True,
        )
    if isinstance(error, TimeoutError):
        what = "nothing answers in time"
        return SourceError("source-unreachable", what, where=where, hint=host_hint, retriable=True)
    return SourceError(
        "source-unreachable",
        "the host cannot be reached",
        where=where,
        cause=error.strerror or type(error).__name__,
        hint=host_hint,
        retriable=True,
    )


def _trust_error(code: int | None, where: str, certificate: Path | None) -> SourceError:
    said = "the server closed the connection" if code is None else f"the server said {quality.name(code)}"
    return SourceError(
        "opcua-not-trusted",
        "the server does not accept our certificate yet",
        where=where,
        cause=said,
        hint=f"on the server, move our certificate from its rejected to its trusted clients (ours: `{certificate}`; "
        f"`iiotctl certificate check {where} --connect` says where), then run again",
        retriable=True,
    )


def _status_error(  # noqa: PLR0911 - a table of status codes
    code: int, stage: Stage, where: str, certificate: Path | None
) -> SourceError:
    name = quality.name(code)
    if code in _USER:
        return SourceError(
            "opcua-user-refused",
            "the server refuses the user",
            where=where,
            cause=f"the server said {name}",
            hint="check `user` and `password` (or `user_certificate`) of the source, and the user's rights on the server",
        )
    if code == _BAD_URI:
        return SourceError(
            "opcua-application-uri",
            "the server finds that our certificate and our ApplicationUri do not match",
            where=where,
            cause=f"the server said {name}; our certificate: `{certificate}`",
            hint="leave `certificate` and `private_key` out of the site file: iiotctl then makes a pair that fits; "
            f"`iiotctl certificate check {where}` shows both",
        )
    if code == _OUR_TIME:
        return SourceError(
            "opcua-clock",
            "the server finds our certificate outside its validity: one of the clocks is wrong",
            where=where,
            cause=f"the server said {name}; our certificate: `{certificate}`",
            hint=f"compare the clocks: `iiotctl certificate check {where}` shows the difference",
        )
    if code in _TRUST:
        return _trust_error(code, where, certificate)
    if code in _POLICY:
        return SourceError(
            "opcua-policy-not-offered",
            "the server does not allow this security policy",
            where=where,
            cause=f"the server said {name}",
            hint="write another `security` in the site file",
        )
    if code in _FULL:
        return SourceError(
            "opcua-server-full",
            "the server has no room for another session",
            where=where,
            cause=f"the server said {name}",
            hint="close other clients, or raise the number of sessions on the server",
            retriable=True,
        )
    return SourceError(
        "opcua-connect-failed",
        f"the server refused to {stage.value}",
        where=where,
        cause=f"the server said {name}",
        hint="look into the server's log; what iiotctl sends: docs/reference/requests.md",
        retriable=True,
    )


def explain(  # noqa: PLR0911 - a table of causes
    error: BaseException, stage: Stage, where: str, *, secure: bool = False, certificate: Path | None = None
) -> IiotctlError:
    """The error to show for what was raised while connecting.

    Args:
        error: what asyncua or the system raised.
        stage: how far the connection had come.
        where: endpoint.
        secure: true when messages are signed; a closed socket then hints at missing trust.
        certificate: file of our certificate, for the hint.
    """
    if isinstance(error, IiotctlError):
        return error
    if isinstance(error, SessionLostError):
        return SourceError("source-lost", str(error), where=where, hint="run again", retriable=True)
    if isinstance(error, ServiceError):
        return _status_error(error.code, stage, where, certificate)
    if isinstance(error, UaStatusCodeError):
        return _status_error(int(error.code), stage, where, certificate)
    if stage is Stage.SOCKET and isinstance(error, OSError | TimeoutError):
        return _socket_error(error, where)
    if isinstance(error, NotOpcUaError) and stage in (Stage.SOCKET, Stage.CHANNEL):
        line = error.sample.splitlines()[0] if error.sample.strip() else error.sample
        shown = f"`{line.decode()}`" if line.isascii() and line.decode().isprintable() else error.sample.hex(" ")
        return SourceError(
            "opcua-not-spoken",
            "the host answers, but what it says is not OPC UA",
            where=where,
            cause=f"its answer begins with {shown}",
            hint="check host and port (4840 is usual): another service listens here",
        )
    if secure and stage is Stage.CHANNEL and isinstance(error, ConnectionError):
        return _trust_error(None, where, certificate)
    if isinstance(error, TimeoutError):
        return SourceError(
            "source-silent",
            "the host accepts the connection but does not answer as an OPC UA server",
            where=where,
            cause=f"no answer in time while trying to {stage.value}",
            hint="check the port, and raise `timeout` in the site file for a slow server",
            retriable=True,
        )
    text = str(error) if isinstance(error, UaError | OSError) and str(error) else type(error).__name__
    return SourceError(
        "opcua-connect-failed",
        f"the connection broke while trying to {stage.value}",
        where=where,
        cause=text,
        hint="check that an OPC UA server listens there, and look into its log",
        retriable=True,
    )
