"""What a caller may wish of a capture; everything of the outside world is handed in here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iiotctl.errors import SiteError, UsageError
from iiotctl.events import Event
from iiotctl.sources import registry
from iiotctl.sources.base import CapturedTag, Source, SourceContext

if TYPE_CHECKING:
    from iiotctl.capture.session import Session
    from iiotctl.site.load import LoadedSite
    from iiotctl.site.model import Tag
    from iiotctl.site.ring import RingSettings
    from iiotctl.site.sources import SourceConfig


@dataclass(slots=True)
class Wishes:
    """What the caller wants of a capture.

    Attributes:
        only: names of the sources to run; empty = all.
        trust_first: accept and remember OPC UA server certificates not seen before.
        sole_master: who confirmed that the serial buses have no other master; None = nobody.
        ring: the trigger ring; None = every sample is stored.
        on_event: takes events.
        on_tick: called once a second with the session, for a live view.
        now_us: wall clock, µs UTC.
        monotonic: seconds that never step back.
        reload: reads the site file again; None = reload is refused.
        check: finds problems of a source's tags without contact; the registry unless a test says otherwise.
        create: makes a source; likewise.
        info: what the store keeps about the run.
    """

    now_us: Callable[[], int]
    monotonic: Callable[[], float]
    only: Sequence[str] = ()
    trust_first: bool = False
    sole_master: str | None = None
    ring: RingSettings | None = None
    on_event: Callable[[Event], None] = lambda _: None
    on_tick: Callable[[Session], None] = lambda _: None
    reload: Callable[[], LoadedSite] | None = None
    check: Callable[[SourceConfig, Sequence[Tag]], list[SiteError]] = registry.check
    create: Callable[[str, SourceConfig, Sequence[CapturedTag], SourceContext], Source] = registry.create
    info: dict[str, object] = field(default_factory=dict)


def check_names(only: Sequence[str], loaded: LoadedSite) -> None:
    """Raise for a source to run that the site file does not have."""
    import difflib

    for name in only:
        if name not in loaded.site.sources:
            near = difflib.get_close_matches(name, loaded.site.sources, n=1)
            raise UsageError(
                "unknown-name",
                f"the site file has no source `{name}`",
                where=str(loaded.path),
                hint=f"did you mean `{near[0]}`?" if near else f"sources: {', '.join(loaded.site.sources)}",
            )
