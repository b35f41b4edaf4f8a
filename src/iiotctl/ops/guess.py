"""`guess`: live registers read again and again, and what they may mean. One request a round, nothing else."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.errors import SourceError, UsageError
from iiotctl.ops.candidates import COUNTS, UNITS, Candidate, Hints, candidates
from iiotctl.ops.modbus_device import Conversation, Named, beats, name_device, silent
from iiotctl.ops.read import BY_EXCEPTION
from iiotctl.site.address import parse_address
from iiotctl.site.plain import did_you_mean
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.layout import request_for
from iiotctl.sources.modbus.plan import Block, touches

if TYPE_CHECKING:
    from iiotctl.ops.site import Opened

_REMEMBERED: Final = 60
"""Readings that the judgement rests on."""
_LAST: Final = 65_535


@dataclass(frozen=True, slots=True)
class Wanted:
    """Registers to look at.

    Attributes:
        device: where.
        block: the one request of a round.
        hints: what the user knows.
    """

    device: Named
    block: Block
    hints: Hints


@dataclass(frozen=True, slots=True)
class Round:
    """What is known after a reading.

    Attributes:
        raw: newest bytes, as on the wire; b"" before the first.
        readings: good readings so far.
        found: meanings, the most believable first.
        failure: why this round brought nothing; "" when it did.
    """

    raw: bytes
    readings: int
    found: tuple[Candidate, ...]
    failure: str = ""


def prepare(
    url: str,
    address: str,
    *,
    registers: int = 2,
    near: float | None = None,
    span: str | None = None,
    measured_in: str | None = None,
    unit: int | None = None,
    timeout_s: float | None = None,
    opened: Opened | None = None,
    trust_first: bool = False,
    sole_master: str | None = None,
) -> Wanted:
    """Check everything that can be checked without contact.

    Args:
        url: the device.
        address: first register, e.g. `holding:11` or `40012`.
        registers: 1, 2 or 4.
        near: what the display shows now.
        span: measuring range as `0..250`.
        measured_in: engineering unit that the display shows; gives a span of its own where `span` is not given.
        unit: unit identifier, when the URL names none.
        timeout_s: s to wait for an answer.
        opened: the site file that holds here, for names and `never_read`.
        trust_first: see `name_device`.
        sole_master: see `name_device`.

    Raises:
        UsageError: something of it is wrong, or the registers lie in a `never_read` range.
    """
    device = name_device(
        url, unit=unit, timeout_s=timeout_s, opened=opened, trust_first=trust_first, sole_master=sole_master
    )
    try:
        place = parse_address(address)
    except ValueError as error:
        raise UsageError("bad-address", str(error), hint="write e.g. `holding:11` or `40012`") from error
    if place.table.is_bits or place.bit is not None:
        raise UsageError(
            "bad-address",
            f"`{address}` is a single bit: there is nothing to guess",
            hint=f"`iiotctl read {url} {address}` reads it",
        )
    if registers not in COUNTS:
        raise UsageError("bad-value", f"`--registers` is 1, 2 or 4, not {registers}")
    if place.offset + registers - 1 > _LAST:
        raise UsageError("bad-address", f"{registers} registers from `{address}` on end beyond {_LAST}")
    if forbidden := touches(place, registers, device.limits.never_read):
        raise UsageError(
            "bad-address",
            f"`{address}` lies in the `never_read` range `{forbidden}`; nothing was read",
            where=f"source `{'`, `'.join(device.sources)}`",
            hint="take the range out of `never_read` if reading it changes nothing in the device",
        )
    hints = Hints(near, _span(span) if span is not None else _usual(measured_in))
    return Wanted(device, Block(place.table, place.offset, registers, 0.0), hints)


def number(text: str, flag: str) -> float:
    """A number as people read it from a display, its decimals behind a comma or a full stop.

    Raises:
        UsageError: it is none, or none that a display could show.
    """
    plain = text.replace(",", ".", 1) if "." not in text else text
    try:
        value = float(plain)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError("bad-value", f"`{text}` is no number", where=flag, hint="write e.g. `123.4` or `123,4`")
    return value


def _span(text: str) -> tuple[float, float]:
    low, dots, high = text.partition("..")
    span = (number(low, "--span"), number(high, "--span")) if dots else (0.0, 0.0)
    if not span[0] < span[1]:
        raise UsageError("bad-value", f"`{text}` is not a range", where="--span", hint="write low and high: `0..250`")
    return span


def _usual(unit: str | None) -> tuple[float, float] | None:
    if unit is None:
        return None
    known = {name.lower(): span for name, span in UNITS.items()}
    if unit.lower() not in known:
        raise UsageError(
            "bad-value",
            f"no usual range is known for `{unit}`",
            where="--shows",
            hint=did_you_mean(unit, UNITS, f"one of {', '.join(UNITS)}; or give `--span LOW..HIGH`"),
        )
    return known[unit.lower()]


def rounds(wanted: Wanted, *, every_s: float = 1.0, count: int | None = None) -> Iterator[Round]:
    """Read the registers again and again and judge all readings so far.

    Args:
        wanted: what to read.
        every_s: s from reading to reading.
        count: readings; None = until the caller stops.

    Raises:
        SourceError: the first reading failed. Later failures are told in their rounds.
    """
    request = request_for(wanted.block, wanted.device.config.unit)
    readings: deque[bytes] = deque(maxlen=_REMEMBERED)
    good = 0
    found: tuple[Candidate, ...] = ()
    with Conversation(wanted.device) as conversation:
        for beat in beats(every_s, count=count, conversation=conversation):
            try:
                answer = conversation.ask(request)
            except SourceError as error:
                if not beat:
                    raise
                answer = Failure(Kind.DISCONNECTED, cause=error.cause or error.what)
            if isinstance(answer, Failure):
                if not beat:
                    raise _refused(wanted, answer)
                yield Round(readings[-1], good, found, str(answer))
                continue
            readings.append(answer)
            good += 1
            found = tuple(candidates(readings, wanted.hints))
            yield Round(answer, good, found)


def _refused(wanted: Wanted, failure: Failure) -> SourceError:
    if failure.kind is not Kind.REFUSED:
        return silent(wanted.device, failure)
    return SourceError(
        "read-failed",
        f"`{wanted.block.table}:{wanted.block.start}` could not be read",
        where=wanted.device.url,
        cause=str(failure),
        hint=BY_EXCEPTION.get(failure.code, "look the exception code up in the device's manual"),
    )
