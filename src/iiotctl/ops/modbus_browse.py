"""`browse modbus-…://…`: who a Modbus device says it is, and which registers of named ranges exist."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.errors import IncompleteError, UsageError
from iiotctl.ops.modbus_device import Conversation, Named, name_device, silent
from iiotctl.ops.url import with_unit
from iiotctl.site.address import parse_range
from iiotctl.site.naming import UniqueNames, tag_name
from iiotctl.site.sources import ModbusRtuSource
from iiotctl.site.tagrows import TagRow
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.identity import Identity, identify
from iiotctl.sources.modbus.layout import request_for
from iiotctl.sources.modbus.probe import BLOCK, MOST_REQUESTS, Span, State, Stretch, blocks, most_requests, probe

if TYPE_CHECKING:
    from iiotctl.ops.site import Opened
    from iiotctl.sources.modbus.plan import Block

DELAY_S: Final = 0.1
_ANSWER_S: Final = 0.02
_USUAL: Final = (1e-3, 1e6)
"""Size of a float worth showing beside a register; the others are most likely no floats."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be sent; nothing has been.

    Attributes:
        device: whom to ask.
        ranges: what the user named.
        first: the requests of the probe when nothing is refused.
        most: requests of the probe at most.
        size: addresses of a first request.
        delay_s: s between an answer and the next request.
    """

    device: Named
    ranges: tuple[Span, ...]
    first: tuple[Block, ...]
    most: int
    size: int
    delay_s: float

    @property
    def seconds(self) -> tuple[float, float]:
        """How long the probe takes: when nothing is refused, and at most; at 20 ms an answer."""
        return len(self.first) * (self.delay_s + _ANSWER_S), self.most * (self.delay_s + _ANSWER_S)


@dataclass(frozen=True, slots=True)
class Found:
    """What a device said.

    Attributes:
        identity: who it says it is.
        stretches: what is known of each named address, in order; empty when no range was named.
        requests: requests sent for the registers.
        is_interrupted: the user had enough.
    """

    identity: Identity
    stretches: tuple[Stretch, ...]
    requests: int
    is_interrupted: bool = False

    @property
    def is_whole(self) -> bool:
        """Every named address was asked for, except those that may not be, and one was read at least."""
        missed = any(s.state is State.NOT_ASKED and s.note != "never_read" for s in self.stretches)
        return not missed and (not self.stretches or any(s.state is State.EXISTS for s in self.stretches))


@dataclass(frozen=True, slots=True)
class Place:
    """One address, or a stretch that does not exist; what a row shows.

    Attributes:
        address: as the tag list writes it.
        state: what is known.
        raw: register or bit; None where there is none.
        signed: the register as int16.
        floats: float32 from here on in the orders ABCD and CDAB, where that is of a usual size.
        note: why there is no value.
    """

    address: str
    state: State
    raw: int | None = None
    signed: int | None = None
    floats: tuple[float | None, float | None] = (None, None)
    note: str = ""


def plan(
    url: str,
    ranges: Sequence[str] = (),
    *,
    unit: int | None = None,
    timeout_s: float | None = None,
    opened: Opened | None = None,
    trust_first: bool = False,
    sole_master: str | None = None,
    delay_s: float = DELAY_S,
    most: int = MOST_REQUESTS,
    size: int = BLOCK,
) -> Plan:
    """Check everything that can be checked without contact.

    Args:
        url: the device.
        ranges: such as `holding:0-99`; none = only who it is.
        unit: unit identifier, when the URL names none; needed for ranges.
        timeout_s: s to wait for an answer.
        opened: the site file that holds here, for names and `never_read`.
        trust_first: see `name_device`.
        sole_master: see `name_device`.
        delay_s: s between an answer and the next request.
        most: requests of the probe at most.
        size: addresses of a first request.

    Raises:
        UsageError: something of it is wrong, or a range was named without a unit.
    """
    device = name_device(
        url,
        unit=unit,
        timeout_s=timeout_s,
        opened=opened,
        trust_first=trust_first,
        sole_master=sole_master,
        command="browse",
    )
    if ranges and not device.is_unit_named:
        raise UsageError(
            "missing-argument",
            "a register probe needs the unit: behind a gateway every unit is another device",
            where=url,
            hint=f"add `--unit 1`, or write the unit into the URL: `{with_unit(url, 1)}`",
        )
    spans = []
    for text in ranges:
        try:
            spans.append(parse_range(text))
        except ValueError as error:
            raise UsageError(
                "bad-address", str(error), where="--range", hint="write e.g. `--range holding:0-99 --range input:0-49`"
            ) from error
    first, _ = blocks(spans, device.limits, size)
    return Plan(device, tuple(spans), tuple(first), min(most, most_requests(first)), size, delay_s)


def browse(planned: Plan, *, report: Callable[[int, int], None] | None = None) -> Found:
    """Ask the device who it is, then probe the named ranges; sends nothing but reads.

    Args:
        planned: what to send.
        report: told (requests sent, requests at most) as the probe goes on.

    Raises:
        SourceError: the device cannot be reached, or a probe met nothing but silence.
        IncompleteError: `browse-empty`, no range was named and the device does not say who it is.
    """
    with Conversation(planned.device, delay_s=planned.delay_s) as conversation:
        identity = conversation.run(identify(planned.device.config.unit, conversation.asking))
        if not planned.ranges:
            if not identity:
                raise _nameless(planned, identity)
            return Found(identity, (), 0)
        if identity.is_answered or isinstance(planned.device.config, ModbusRtuSource):
            return Found(identity, *_probe(planned, conversation, report))
    # on a connection that still holds the ignored request the device would take its rest for the next one
    with Conversation(planned.device, delay_s=planned.delay_s) as conversation:
        return Found(identity, *_probe(planned, conversation, report))


def _probe(
    planned: Plan, conversation: Conversation, report: Callable[[int, int], None] | None
) -> tuple[tuple[Stretch, ...], int, bool]:
    strategy = probe(planned.ranges, planned.device.limits, size=planned.size, most=planned.most)
    sent = 0
    silence: Failure | None = None
    answer: bytes | Failure | None
    try:
        block = next(strategy)
        while True:
            try:
                conversation.pause(planned.delay_s)
                sent += 1
                answer = conversation.ask(request_for(block, planned.device.config.unit))
            except KeyboardInterrupt:
                answer = None
            if sent == 1 and isinstance(answer, Failure) and answer.kind is not Kind.REFUSED:
                silence = answer
            elif not isinstance(answer, Failure) or answer.kind is Kind.REFUSED:
                silence = None
            if report is not None:
                report(sent, planned.most)
            block = strategy.send(answer)
    except StopIteration as end:
        if silence is not None:
            raise silent(planned.device, silence) from None
        return tuple(end.value), sent, answer is None


def _nameless(planned: Plan, identity: Identity) -> IncompleteError:
    return IncompleteError(
        "browse-empty",
        "the device does not say who it is",
        where=f"{planned.device.url} unit {planned.device.config.unit}",
        cause=f"read device identification (43/14): {identity.silence or 'no object came'}; many devices do not know it",
        hint="`--range holding:0-99` finds out which registers exist; `--dry-run` shows what that sends",
    )


def places(found: Sequence[Stretch]) -> Iterator[Place]:
    """A row an existing address, and one for each stretch that does not exist or was not asked for."""
    for stretch in found:
        if stretch.state is not State.EXISTS:
            yield Place(str(stretch), stretch.state, note=stretch.note)
        elif stretch.table.is_bits:
            for index in range(stretch.count):
                bit = stretch.data[index // 8] >> index % 8 & 1
                yield Place(f"{stretch.table}:{stretch.first + index}", stretch.state, bit)
        else:
            yield from _registers(stretch)


def _registers(stretch: Stretch) -> Iterator[Place]:
    for index in range(stretch.count):
        word = stretch.data[2 * index : 2 * index + 2]
        following = stretch.data[2 * index + 2 : 2 * index + 4]
        floats = (_float(word + following), _float(following + word)) if following else (None, None)
        raw = int.from_bytes(word, "big")
        signed = int.from_bytes(word, "big", signed=True)
        yield Place(f"{stretch.table}:{stretch.first + index}", stretch.state, raw, signed, floats)


def _float(raw: bytes) -> float | None:
    value: float = struct.unpack(">f", raw)[0]
    return value if _USUAL[0] <= abs(value) <= _USUAL[1] else None


def tag_rows(found: Sequence[Stretch], source: str) -> list[TagRow]:
    """A row an existing address, as the simplest type it can have; the description tells what was read.

    Types cannot be known from registers; `guess` helps to find them one by one.

    Raises:
        IncompleteError: `browse-empty`, no address exists.
    """
    names = UniqueNames()
    rows = []
    for place in places(found):
        if place.raw is None:
            continue
        others = [
            f"float32 {order} {value:.6g}"
            for order, value in zip(("ABCD", "CDAB"), place.floats, strict=True)
            if value is not None
        ]
        read = f"probed: {place.raw}" + (f"; would be {' or '.join(others)}" if others else "")
        name = names.take(tag_name((place.address.replace(":", "_"),), source))
        is_bit = place.signed is None
        rows.append(TagRow(name, source, place.address, type="bool" if is_bit else "uint16", description=read))
    if not rows:
        raise IncompleteError(
            "browse-empty",
            f"none of {sum(stretch.count for stretch in found)} addresses could be read",
            cause=next((f"{stretch}: {stretch.note}" for stretch in found if stretch.note), None),
            hint="look at the device's list of registers; without a list to write, `browse` says what each range answered",
        )
    return rows
