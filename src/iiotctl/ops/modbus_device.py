"""A Modbus device named by a URL, for commands that look at it: with the limits that the site file sets for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, TypeVar

from iiotctl.errors import SourceError, UsageError
from iiotctl.ops.known_device import limited, stranger
from iiotctl.ops.read import Access, next_cycle, prepare
from iiotctl.ops.site import Opened, source_context
from iiotctl.ops.url import parse_url
from iiotctl.site.sources import PolledModbus
from iiotctl.sources.base import SourceContext
from iiotctl.sources.modbus.layout import limits_of
from iiotctl.sources.modbus.source import ModbusSource
from iiotctl.sources.profiles import applied

if TYPE_CHECKING:
    from types import TracebackType

    from iiotctl.site.sources import SourceConfig
    from iiotctl.sources.modbus.failure import Failure
    from iiotctl.sources.modbus.frame import AnyRequest
    from iiotctl.sources.modbus.plan import Limits

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Named:
    """A device as the user named it.

    Attributes:
        url: as given: a URL, or the name of a source.
        config: where it is and how to speak to it.
        limits: what it takes; `never_read` of every source of the site that is this device.
        sources: names of those sources.
        is_unit_named: somebody said which unit is meant.
        context: the world, for its source.
        note: what the user should know before anything is sent; "" = nothing.
    """

    url: str
    config: PolledModbus
    limits: Limits
    sources: tuple[str, ...]
    is_unit_named: bool
    context: SourceContext
    note: str = ""


def name_device(
    url: str,
    *,
    unit: int | None = None,
    timeout_s: float | None = None,
    opened: Opened | None = None,
    trust_first: bool = False,
    sole_master: str | None = None,
    command: str = "guess",
) -> Named:
    """The device behind a URL or a source of the site; nothing is sent.

    Args:
        url: as `read` takes it, or the name of a Modbus source of the site.
        unit: unit identifier, when the URL names none.
        timeout_s: s to wait for an answer; None = as the source does.
        opened: the site file that holds here, for names and `never_read`; None = none.
        trust_first: accept and remember a certificate not seen before (TLS).
        sole_master: who confirmed that no other master is on a serial bus; None = nobody did.
        command: who asks, for the error.

    Raises:
        UsageError: the URL is wrong, or it is not Modbus.
        SiteError: the profile of the source does not fit.
    """
    site = None if opened is None else opened.loaded
    source = None if site is None else site.site.sources.get(url)
    config: SourceConfig
    if source is None:
        request = prepare(url, [], unit=unit, timeout_s=timeout_s, security=Access(trust_first=trust_first))
        config, is_unit_named = request.config, unit is not None or parse_url(url).unit is not None
        context = replace(_context(sole_master), pki_dir=request.pki_dir, trust_first=request.trust_first)
    else:
        config = applied(source).model_copy(update={} if timeout_s is None else {"timeout": timeout_s})
        is_unit_named = True
        if unit is not None and isinstance(config, PolledModbus) and unit != config.unit:
            raise UsageError("bad-value", f"source `{url}` is unit {config.unit} and `--unit` says {unit}")
        assert opened is not None  # the source came out of it
        context = replace(source_context(opened, trust_first=trust_first), sole_master=sole_master)
    if not isinstance(config, PolledModbus):
        raise UsageError(
            "bad-url",
            f"`{command}` looks at Modbus registers, and `{url}` is no Modbus device that can be asked",
            hint=f"OPC UA servers say the type of each value themselves: `iiotctl browse {url}`",
        )
    config, names = limited(config, opened)
    return Named(url, config, limits_of(config), names, is_unit_named, context, stranger(config, names, opened))


def _context(sole_master: str | None) -> SourceContext:
    return SourceContext(now_us=lambda: time.time_ns() // 1000, monotonic=time.monotonic, sole_master=sole_master)


class Conversation:
    """Questions to a device and its answers, one after the other; use it with `with`.

    Args:
        device: whom to ask.
        delay_s: s between an answer and any next request, at least; what the device itself asks for counts too.
    """

    def __init__(self, device: Named, *, delay_s: float = 0.0) -> None:
        config = device.config.model_copy(update={"delay": max(delay_s, device.config.delay)})
        self._source = ModbusSource(device.url, config, [], device.context)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._runner.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._runner.run(self._source.close())
        finally:
            self._runner.__exit__(kind, error, at)

    def ask(self, request: AnyRequest) -> bytes | Failure:
        """The data of the answer, or why there is none.

        Raises:
            SourceError: there is no connection.
        """
        return self._runner.run(self._source.ask([request]))[0]

    def run(self, work: Awaitable[_Result]) -> _Result:
        """Finish something that asks by itself through `asking`."""

        async def finish() -> _Result:
            return await work

        return self._runner.run(finish())

    async def asking(self, request: AnyRequest) -> bytes | Failure:
        """`ask` for the inside of `run`."""
        return (await self._source.ask([request]))[0]

    def pause(self, seconds: float) -> None:
        """Wait, with the connection alive."""
        self._runner.run(asyncio.sleep(seconds))


def silent(device: Named, failure: Failure) -> SourceError:
    """The error when a device does not answer at all."""
    return SourceError(
        "source-silent",
        f"unit {device.config.unit} does not answer",
        where=device.url,
        cause=failure.cause or str(failure),
        hint=failure.hint or "check the unit identifier: `--unit N`; be patient with `--timeout 5s`",
        retriable=True,
    )


def beats(every_s: float, *, count: int | None, conversation: Conversation) -> Iterator[int]:
    """0, 1, 2 … every so many seconds; late ones are left out, none is caught up.

    Args:
        every_s: seconds from one to the next.
        count: how many; None = until the caller stops.
        conversation: keeps its connection alive while waiting.
    """
    start = time.monotonic()
    beat = 0
    done = 0
    while True:
        yield done
        done += 1
        if done == count:
            return
        beat = next_cycle(beat, time.monotonic() - start, every_s)
        conversation.pause(max(0.0, start + beat * every_s - time.monotonic()))
