"""What a source is: the contract between protocols (here) and capture (above).

A source turns a device or server into `SampleBatch`es. It reconnects by itself, never raises for a
fault of the plant, and tells its `Sink` what it could not get; capture turns that into gaps. It never
writes to a device.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from iiotctl.errors import SiteError, SourceError
    from iiotctl.events import Event
    from iiotctl.samples import GapReason, SampleBatch
    from iiotctl.site.model import Tag
    from iiotctl.site.sources import SourceConfig


@dataclass(frozen=True, slots=True)
class CapturedTag:
    """A tag with the code that its samples carry in this run."""

    code: int
    tag: Tag


class Sink(Protocol):
    """Where a source delivers; implemented by capture. All methods are called on the event loop and return at once."""

    def samples(self, batch: SampleBatch, on_commit: Callable[[], None] | None = None) -> None:
        """Hand over samples; `on_commit` is called on the loop once they are durable on disk."""

    def failed(
        self,
        tags: Sequence[int] | None,
        reason: GapReason,
        quality: int,
        at: int,
    ) -> None:
        """Tags (by code; None = all of the source) cannot be read since `at` (µs UTC).

        Idempotent while the failure lasts. Capture writes one null row a tag with `quality`, opens a
        gap that starts right after the last stored sample, and closes it with the next sample.
        """

    def lost(self, tags: Sequence[int] | None, reason: GapReason, start: int, end: int) -> None:
        """Samples between two instants (µs UTC, both inside the hole) are gone; the source is fine again."""

    def bridged(self) -> None:
        """The failure of the whole source is over and nothing was missed in it: the device has kept what arose.

        Called before those samples are handed over; what was lost all the same is told by `lost`.
        """

    def event(self, event: Event) -> None:
        """Something a person may want to know; see `iiotctl.events`."""

    async def ready(self) -> None:
        """Wait until there is room for more; sources that can go faster than the disk call it (replay)."""


class SourceState(StrEnum):
    """What a source is doing."""

    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    """Delivers, but not all of its tags."""
    DOWN = "down"
    ENDED = "ended"
    """Played to its end (replay)."""


@dataclass(slots=True)
class SourceStatus:
    """Live figures of a source, for the terminal and `capture status`."""

    name: str
    endpoint: str
    state: SourceState = SourceState.STARTING
    detail: str = ""
    cycles: int = 0
    late_cycles: int = 0
    lag_s: float = 0.0
    requests: int = 0
    reconnects: int = 0
    clock_offset_s: float | None = None
    """Clock of the device minus ours."""
    alive_at: int = 0
    """µs UTC in the time of the samples (the clock of a server that stamps them): nothing was missed up to then;
    0 = unknown. Lets a gap of tags that report by exception begin where silence began instead of at their last change.
    When a message arrived says nothing about it: on a slow line it was written long before."""
    error: SourceError | None = None
    """Why it is down, where that has an entry of its own in the error catalogue."""


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request of the plan that `capture --dry-run` prints."""

    source: str
    endpoint: str
    period_s: float
    request: str
    """e.g. `unit 1 FC 3 holding:0-124`, or `subscribe 250 items, sampling 1 s, publish 0.5 s, queue 6`."""
    registers: int
    tags: tuple[str, ...]
    note: str = ""
    """e.g. `split after exception 02`."""
    answer_s: float | None = None
    """Estimate of the seconds until the next request may follow; None = no polling."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One tag read once, for `read` and `tags check --live`."""

    tag: str
    value: float | str | None
    quality: int
    ts: int
    latency_s: float
    raw: str = ""
    note: str = ""


@dataclass(slots=True)
class SourceContext:
    """What a source may use of the world, handed in so that tests can replace it.

    Attributes:
        now_us: wall clock, µs UTC.
        monotonic: seconds that never step back.
        state_dir: folder for what a source remembers between runs (register splits); None = nothing is remembered.
        pki_dir: folder of the client certificate and of trusted server certificates.
        trust_first: accept and remember a server certificate not seen before (only when the user asked).
        shared: one object per key shared by the sources of a run (links per host:port).
        folder: folder of the site file, for relative file names and secrets; None = no site file (`read URL`).
        sole_master: name of the person who confirmed that no other master is on the serial buses; None = nobody did.
        tell: takes what a person should know of a connection; a source that runs tells its sink.
    """

    now_us: Callable[[], int]
    monotonic: Callable[[], float]
    state_dir: Path | None = None
    pki_dir: Path | None = None
    trust_first: bool = False
    shared: dict[Any, Any] = field(default_factory=dict)
    folder: Path | None = None
    sole_master: str | None = None
    tell: Callable[[Event], None] = lambda _: None


class Source(Protocol):
    """A device or server being read."""

    status: SourceStatus

    def __init__(
        self, name: str, config: SourceConfig, tags: Sequence[CapturedTag], context: SourceContext
    ) -> None: ...

    @staticmethod
    def check(config: SourceConfig, tags: Sequence[Tag]) -> list[SiteError]:
        """Problems that can be known without contact: address syntax, overlaps, unsupported types."""

    def plan(self) -> list[PlannedRequest]:
        """What would be sent per cycle; sends nothing."""

    async def run(self, sink: Sink) -> None:
        """Deliver until cancelled (or, for replay, to the end). Faults of the plant never end it."""

    async def update(self, tags: Sequence[CapturedTag]) -> None:
        """Take a new list of tags while running; tags that stay the same see no interruption."""

    async def read_once(self, tags: Sequence[CapturedTag]) -> list[Reading]:
        """Read each tag once without starting `run`; raises SourceError only when nothing can be reached."""

    async def close(self) -> None:
        """Let go of connections; never raises."""


def place(host: str, port: int) -> str:
    """Host and port as people write them; an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


SourceFactory = Callable[[str, "SourceConfig", Sequence[CapturedTag], SourceContext], Source]
Sleep = Callable[[float], Awaitable[None]]
Options = Mapping[str, object]
