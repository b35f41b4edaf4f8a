"""What a URL on the command line names: a device over any transport, or an OPC UA server.

modbus-tcp://HOST[:PORT][/UNIT]            tcp://… is the same
modbus-tls://HOST[:PORT][/UNIT][?ca=FILE&server_certificate=FILE&certificate=FILE&private_key=FILE&server_name=NAME]
modbus-rtu-over-tcp://HOST[:PORT][/UNIT]
modbus-rtu:///dev/ttyUSB0[?baudrate=9600&parity=none&stopbits=1&unit=3]        modbus-rtu:COM3[?…] on Windows
opc.tcp://HOST[:PORT][/PATH]
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from iiotctl.errors import UsageError
from iiotctl.site.plain import did_you_mean

OPCUA: Final = "opc.tcp"
SERIAL: Final = "modbus-rtu"
TLS: Final = "modbus-tls"
LISTEN: Final = "modbus-rtu-listen"
_PORTS: Final = {"modbus-tcp": 502, TLS: 802, "modbus-rtu-over-tcp": 502, OPCUA: 4840}
_SCHEMES: Final = (*_PORTS, SERIAL, "tcp")
_LAST_PORT: Final = 65_535
_LAST_UNIT: Final = 255
_HINT: Final = (
    "write e.g. `modbus-tcp://192.168.10.21`, `modbus-tcp://gateway:502/3` (unit 3) or `opc.tcp://192.168.10.30:4840`"
)
_SERIAL_HINT: Final = (
    "write e.g. `modbus-rtu:///dev/ttyUSB0?baudrate=9600&parity=none&unit=3` or `modbus-rtu:COM3?unit=3`"
)
_SERIAL_KEYS: Final = {"baudrate": int, "parity": str, "databits": int, "stopbits": int}
_TLS_KEYS: Final = dict.fromkeys(("ca", "server_certificate", "certificate", "private_key", "server_name"), str)


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL names.

    Attributes:
        scheme: `opc.tcp`, or the type of a Modbus source.
        host: name or address as the user wrote it; "" for a serial port.
        port: TCP port; 0 for a serial port.
        unit: Modbus unit identifier of the URL, or None.
        url: the whole URL (used for OPC UA).
        keys: keys of the source in the site file that the URL tells, without `unit`.
    """

    scheme: str
    host: str
    port: int
    unit: int | None
    url: str
    keys: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_modbus(self) -> bool:
        """Anything but OPC UA."""
        return self.scheme != OPCUA


def parse_url(text: str) -> Target:
    """Target of a URL; see the forms above.

    Raises:
        UsageError: another scheme, no host or port, a bad port or unit, an unknown key.
    """
    if text.startswith(f"{SERIAL}:"):
        return _serial(text)
    if text.startswith(f"{LISTEN}:"):
        raise UsageError(
            "bad-url",
            f"`{LISTEN}` is a type of source and no URL: it takes what a master reads, and cannot ask for anything",
            where=text,
            hint=f'write `type = "{LISTEN}"` in the site file and run `iiotctl capture`',
        )
    parts = _split(text)
    if parts.username or parts.password:
        raise UsageError(
            "bad-url",
            "user name and password do not belong into a URL: shells and process lists show it",
            hint="use `--user NAME --password-env VARIABLE`",
        )
    scheme = "modbus-tcp" if parts.scheme == "tcp" else parts.scheme
    try:
        port = parts.port or _PORTS[scheme]
    except ValueError as error:
        raise UsageError("bad-url", f"the port of `{text}` is not a number up to {_LAST_PORT}", hint=_HINT) from error
    if not parts.hostname:
        raise UsageError("bad-url", f"`{text}` names no host", hint=_HINT)
    if scheme == OPCUA:
        return Target(OPCUA, parts.hostname, port, None, text)
    keys = {"host": parts.hostname, "port": port} | _keys(parts.query, _TLS_KEYS if scheme == TLS else {}, text)
    word = parts.path.strip("/")
    return Target(scheme, parts.hostname, port, _unit(word, text) if word else None, text, keys)


def with_unit(text: str, unit: int) -> str:
    """The same Modbus URL with a unit identifier, which it had not."""
    head, mark, query = text.partition("?")
    if text.startswith(f"{SERIAL}:"):
        return f"{text}{'&' if query else '' if mark else '?'}unit={unit}"
    return f"{head.rstrip('/')}/{unit}{mark}{query}"


def _split(text: str) -> SplitResult:
    parts = urlsplit(text)
    if "://" not in text or not parts.scheme:
        raise UsageError("bad-url", f"`{text}` is not a URL", hint=_HINT)
    if parts.scheme not in _SCHEMES:
        near = difflib.get_close_matches(parts.scheme, _SCHEMES, n=1)
        hint = f"did you mean `{near[0]}://`? {_HINT}" if near else _HINT
        raise UsageError("bad-url", f"`{parts.scheme}://` is not a protocol that `read` speaks", where=text, hint=hint)
    return parts


def _serial(text: str) -> Target:
    rest, _, query = text.removeprefix(f"{SERIAL}:").partition("?")
    # `modbus-rtu://COM3` is what people write; three slashes are an absolute path
    port = unquote(re.sub(r"^//(?!/)", "", rest) if not rest.startswith("///") else rest[2:])
    if not port:
        raise UsageError("bad-url", f"`{text}` names no serial port", hint=_SERIAL_HINT)
    given = _keys(query, _SERIAL_KEYS | {"unit": str}, text)
    unit = given.pop("unit", None)
    return Target(SERIAL, "", 0, None if unit is None else _unit(unit, text), text, {"port": port} | given)


def _keys(query: str, known: Mapping[str, type], text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key in found:
            raise UsageError("bad-url", f"`{key}` stands twice in the URL", where=text, hint="say it once")
        if key not in known:
            hint = did_you_mean(key, known, f"a URL may tell {', '.join(known)}" if known else "leave it out")
            raise UsageError("bad-url", f"`{key}` is no key of this kind of URL", where=text, hint=hint)
        if known[key] is int and not (value.isascii() and value.isdigit()):
            raise UsageError("bad-url", f"`{key}` is not a number", where=text, hint=_SERIAL_HINT)
        found[key] = known[key](value)
    return found


def _unit(word: str, text: str) -> int:
    if not word.isascii() or not word.isdigit() or int(word) > _LAST_UNIT:
        raise UsageError("bad-url", f"`{word}` is not a unit identifier from 0 to 255", where=text, hint=_HINT)
    return int(word)
