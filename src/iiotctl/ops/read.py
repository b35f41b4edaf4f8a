"""`read`: the quick look at a few registers or nodes of one device, without a site file."""

from __future__ import annotations

import asyncio
import difflib
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import ValidationError

from iiotctl import quality
from iiotctl.errors import SourceError, UsageError
from iiotctl.events import Event
from iiotctl.ops.known_device import limited, stranger
from iiotctl.ops.url import OPCUA, TLS, Target, parse_url
from iiotctl.site.address import Order, parse_address, parse_type
from iiotctl.site.model import Tag
from iiotctl.site.settings import resolve
from iiotctl.site.sources import BUILTIN_SOURCES, BuiltinSource, OpcUaSource, PolledModbus, Secret, Security
from iiotctl.site.units import format_duration
from iiotctl.sources.base import CapturedTag, Reading, Source, SourceContext

if TYPE_CHECKING:
    from iiotctl.ops.site import Opened

_SOURCE: Final = "read"
_UNITS_OF_A_BUS: Final = "devices on a serial bus are 1 to 247; 0 is a broadcast to all of them, which none may answer"
_MODBUS_HINT: Final = "write e.g. `holding:11:float32:CDAB`, `40012:uint16`, `coil:5` or `holding:11/3`"
_NODE_HINT: Final = (
    "write e.g. `ns=2;s=Oven.Temperature`, `nsu=urn:plant:line3;s=Oven.Temperature` or `i=2258`, in quotes"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One ADDRESS[:TYPE[:ORDER]] of the command line."""

    text: str
    address: str
    type: str | None = None
    order: str = "ABCD"


@dataclass(frozen=True, slots=True)
class Access:
    """How to open a secure channel to an OPC UA server; see `docs/how-to/connect-opcua.md`."""

    policy: str = "None"
    user: str | None = None
    password_env: str | None = None
    trust_first: bool = False


def parse_wanted(text: str, scheme: str) -> Wanted:
    """One address word; for OPC UA the whole word is a node id, colons and all.

    Raises:
        UsageError: not an address, an unknown type or order.
    """
    if scheme == OPCUA:
        if not re.match(r"^(nsu=[^;]+;|ns=\d+;)?[isgb]=.+", text, re.DOTALL):
            raise UsageError("bad-address", f"`{text}` is not a node id", hint=_NODE_HINT)
        return Wanted(text, text)
    match = re.fullmatch(
        r"(?P<address>(?:(?:coil|discrete|input|holding):\d+|\d+)(?:/\d+)?)(?::(?P<type>[^:]+))?(?::(?P<order>[^:]+))?",
        text.strip(),
        re.IGNORECASE,
    )
    hint = _MODBUS_HINT
    if not match:
        raise UsageError("bad-address", f"`{text}` is not a Modbus address", hint=hint)
    order = (match["order"] or "ABCD").upper()
    if order not in set(Order):
        raise UsageError(
            "bad-address", f"`{match['order']}` is not an order", where=text, hint=f"one of {', '.join(Order)}"
        )
    try:
        parse_address(match["address"])
        if match["type"]:
            parse_type(match["type"])
    except ValueError as error:
        raise UsageError("bad-address", str(error), where=text, hint=hint) from error
    return Wanted(text, match["address"], match["type"], order)


@dataclass(slots=True)
class Request:
    """A checked request: one source, its tags, and what the user called them."""

    url: str
    config: BuiltinSource
    tags: list[CapturedTag]
    names: dict[str, Wanted]
    trust_first: bool = False
    pki_dir: Path | None = None
    sole_master: str | None = None
    note: str = ""
    """What the user should know before anything is sent."""


def prepare(
    url: str,
    addresses: Sequence[str],
    *,
    unit: int | None = None,
    timeout_s: float | None = None,
    security: Access | None = None,
    pki_dir: Path | None = None,
    element: int | None = None,
    sole_master: str | None = None,
    opened: Opened | None = None,
) -> Request:
    """Check everything that can be checked without contact.

    Args:
        url: what to read from.
        addresses: words of the command line.
        unit: Modbus unit identifier, when the URL names none.
        timeout_s: s to wait for an answer; None = as the source does.
        security: secure channel and user of OPC UA.
        pki_dir: folder of certificates; the settings' own when None.
        element: index of the element to read when OPC UA nodes hold arrays.
        sole_master: who confirmed that a serial bus has no other master; None = nobody.
        opened: the site file that holds here, whose `never_read` is kept; None = none.

    Raises:
        UsageError: URL, address, type, order, unit or security are wrong or do not fit together.
    """
    target = parse_url(url)
    secure = security or Access()
    wanted = [parse_wanted(text, target.scheme) for text in addresses]
    names = {f"r{number}": item for number, item in enumerate(wanted)}
    try:
        config = _config(target, unit, timeout_s, secure)
        note = ""
        if isinstance(config, PolledModbus):
            config, known = limited(config, opened)
            note = stranger(config, known, opened)
        tags = [
            CapturedTag(
                code,
                Tag(
                    name=name,
                    source=_SOURCE,
                    address=item.address,
                    type=item.type,
                    order=Order(item.order),
                    element=element,
                ),
            )
            for code, (name, item) in enumerate(names.items())
        ]
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        text = first["msg"].removeprefix("Value error, ")
        cause = _UNITS_OF_A_BUS if place == "unit" else None
        raise UsageError(
            "bad-value", f"`{place}` is wrong: {text[:1].lower()}{text[1:]}", where=url, cause=cause
        ) from error
    _judge(config, tags, names)
    if pki_dir is None and target.scheme in (OPCUA, TLS):
        pki_dir = resolve(None, cwd=Path.cwd()).pki
    return Request(url, config, tags, names, secure.trust_first, pki_dir, sole_master, note)


def _judge(config: BuiltinSource, tags: Sequence[CapturedTag], names: Mapping[str, Wanted]) -> None:
    """Refuse what `site check` refuses, so that no request goes out that no device may be asked."""
    from iiotctl.sources import registry

    for captured in tags:
        found = registry.check(config, [captured.tag])
        if found:
            text = names[captured.tag.name].text
            is_node_id = isinstance(config, OpcUaSource)
            what = str(found[0].cause or found[0].what) if is_node_id else found[0].what
            hint = _NODE_HINT if is_node_id else _MODBUS_HINT
            if not is_node_id and captured.tag.element is not None:
                hint = "leave out `--element`"
            raise UsageError("bad-address", what.partition("; write ")[0], where=text, hint=hint)


def _config(target: Target, unit: int | None, timeout_s: float | None, secure: Access) -> BuiltinSource:
    timeout = {} if timeout_s is None else {"timeout": format_duration(timeout_s)}
    if target.is_modbus:
        return _modbus(target, unit, timeout, secure)
    if unit is not None:
        raise UsageError("bad-value", "OPC UA has no unit identifiers", where=target.url, hint="leave out `--unit`")
    policies = get_args(Security)
    if secure.policy not in policies:
        near = difflib.get_close_matches(secure.policy, policies, n=1, cutoff=0.4)
        hint = f"did you mean `{near[0]}`? " if near else ""
        raise UsageError(
            "bad-value",
            f"`{secure.policy}` is not a security policy and mode",
            hint=f"{hint}one of {', '.join(f'`{policy}`' for policy in policies)}",
        )
    fields: dict[str, Any] = {"type": "opcua", "url": target.url, "security": secure.policy, "mode": "poll"} | timeout
    if secure.user:
        fields["user"] = secure.user
    if secure.password_env:
        fields["password"] = Secret(env=secure.password_env)
    return OpcUaSource.model_validate(fields)


def _modbus(target: Target, unit: int | None, timeout: Mapping[str, str], secure: Access) -> BuiltinSource:
    allowed = Access(trust_first=secure.trust_first) if target.scheme == TLS else Access()
    if secure != allowed:
        flags = "`--security`, `--user` and `--password-env`" + (
            "" if target.scheme == TLS else ", and `--trust-first`"
        )
        raise UsageError("bad-value", f"`{target.scheme}` has no such security", hint=f"leave out {flags}")
    if unit is not None and target.unit not in (None, unit):
        raise UsageError("bad-value", f"the URL says unit {target.unit} and `--unit` says {unit}", where=target.url)
    number = unit if unit is not None else target.unit
    keys = {"type": target.scheme, "unit": 1 if number is None else number, **target.keys, **timeout}
    return BUILTIN_SOURCES[target.scheme].model_validate(keys)


def rounds(
    request: Request,
    *,
    every_s: float | None = None,
    count: int | None = 1,
    create: Callable[..., Source] | None = None,
    now_us: Callable[[], int] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    on_event: Callable[[Event], None] = lambda _: None,
) -> Iterator[list[Reading]]:
    """Read all addresses again and again; every round is one list in the order of the command line.

    Args:
        request: what to read.
        every_s: seconds from start to start; rounds that are late are left out, never caught up.
        count: number of rounds; None = until the caller stops.
        create: makes the source; the registry unless a test says otherwise.
        now_us: wall clock, µs UTC.
        monotonic: seconds that never step back.
        on_event: takes what a person should know of the connection.

    Raises:
        SourceError: the first round reached nothing. Later rounds say so in their readings instead.
    """
    from iiotctl.sources import registry

    make = create or registry.create
    clock = now_us or (lambda: time.time_ns() // 1000)
    context = SourceContext(
        now_us=clock,
        monotonic=monotonic,
        trust_first=request.trust_first,
        pki_dir=request.pki_dir,
        sole_master=request.sole_master,
        tell=on_event,
    )
    with asyncio.Runner() as runner:
        source = make(request.url, request.config, request.tags, context)
        start = monotonic()
        done = 0
        deadline = 0
        try:
            while True:
                yield runner.run(_round(source, request, clock, first=done == 0))
                done += 1
                if done == count:
                    return
                period = every_s or 1.0
                deadline = next_cycle(deadline, monotonic() - start, period)
                # sleeping inside the loop keeps connections alive in the meantime
                runner.run(asyncio.sleep(max(0.0, start + deadline * period - monotonic())))
        finally:
            runner.run(source.close())


def next_cycle(last: int, elapsed_s: float, period_s: float) -> int:
    """Number of the next cycle (it starts at number * period): late ones are left out, none comes twice."""
    return max(last + 1, math.ceil(elapsed_s / period_s))


async def _round(source: Source, request: Request, clock: Callable[[], int], *, first: bool) -> list[Reading]:
    try:
        readings = {reading.tag: reading for reading in await source.read_once(request.tags)}
    except SourceError as error:
        if first:
            raise
        lost = quality.BAD_NO_COMMUNICATION
        readings = {name: Reading(name, None, lost, clock(), 0.0, note=str(error.what)) for name in request.names}
    return [readings[name] for name in request.names if name in readings]


def failures(readings: Sequence[Reading], request: Request) -> SourceError | None:
    """The error to end with when the last round holds Bad readings."""
    bad = [reading for reading in readings if quality.is_bad(reading.quality)]
    if not bad:
        return None
    first = bad[0]
    name = request.names[first.tag].text
    cause = f"`{name}`: {quality.name(first.quality)}" + (f", {first.note}" if first.note else "")
    return SourceError(
        "read-failed",
        f"{len(bad)} of {len(readings)} addresses could not be read",
        cause=cause,
        hint=_hint(first, request),
    )


BY_EXCEPTION: Final = {
    1: "this device does not serve that table: try `input:` instead of `holding:`, or `discrete:` instead of `coil:`",
    2: "check address and type in the device's manual; many manuals count from 1 where the wire counts from 0",
    3: "the device refuses so many registers at once: check the type, or read fewer addresses",
    4: "the device reports a failure of its own: look at its diagnostics, or at its log",
    5: "the device is busy with another request: try again later",
    6: "the device is busy: try again later, or more slowly with `--every`",
    8: "the device reports a parity error in its memory: look at its diagnostics",
    10: "the gateway has no path to this unit: check `--unit` and the serial settings of the gateway",
    11: "no device answers behind the gateway: check `--unit`, and whether the device has power",
}
_BY_STATUS: Final = {
    "BadNodeIdUnknown": "look the node id up in an OPC UA browser; indexes (`ns=`) may change when the server starts, `nsu=URI;…` stays right",
    "BadNodeIdInvalid": "look the node id up in an OPC UA browser",
    "BadAttributeIdInvalid": "the node is no variable: name one that has a value",
    "BadIndexRangeNoData": "the array is shorter: try a smaller `--element N`",
    "BadIndexRangeInvalid": "the node holds a single value: leave out `--element`",
    "BadUserAccessDenied": "give a user that may read it: `--user NAME --password-env VARIABLE`",
    "BadNotReadable": "the server lets nobody read this node",
    "BadTimeout": "the unit does not answer: check `--unit` and that it has power, or be patient with `--timeout 5s`",
    "BadNoCommunication": "the connection was lost: check cable and power, then try again",
}


def _hint(reading: Reading, request: Request) -> str:
    """What to do about a Bad reading, by what the device or server said."""
    exception = re.match(r"exception (\d+)", reading.note)
    if exception:
        return BY_EXCEPTION.get(int(exception[1]), "look the exception code up in the device's manual")
    status = quality.name(reading.quality)
    if isinstance(request.config, OpcUaSource) and "array" in reading.note:
        return "say which value of the array: `--element 0` is the first"
    if isinstance(request.config, OpcUaSource) and "single value" in reading.note:
        return "leave out `--element`"
    if isinstance(request.config, OpcUaSource) and status in ("BadTimeout", "BadNoCommunication"):
        return "the server has no answer from its own device: look at the server; or be patient with `--timeout 10s`"
    return _BY_STATUS.get(status, "the quality is the device's own word on the value: look at the device")
