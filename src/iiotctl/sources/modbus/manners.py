"""How gently a link is used: what its sources allow, the strictest of it, and when the next request may go. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iiotctl.site.sources import PolledModbus


@dataclass(frozen=True, slots=True)
class Manners:
    """What one source allows on its link, or all of them together.

    Attributes:
        connections: open at once.
        window: requests on their way at once on a connection.
        delay: seconds between an answer and the next request on a connection.
        max_rate: requests a second over all connections; None = no limit.
        timeout: seconds to connect.
    """

    connections: int = 1
    window: int = 1
    delay: float = 0.0
    max_rate: float | None = None
    timeout: float = 1.0


def manners_of(config: PolledModbus) -> Manners:
    """What a source allows; its profile is filled in already."""
    return Manners(
        connections=getattr(config, "connections", 1),
        window=getattr(config, "window", 1),
        delay=config.delay,
        max_rate=config.max_rate,
        timeout=config.timeout,
    )


def strictest(all_: Iterable[Manners]) -> Manners:
    """What all sources on a link allow: their connections add to nothing, but one may ask for more than another."""
    each = list(all_)
    if not each:
        return Manners()
    rates = [one.max_rate for one in each if one.max_rate is not None]
    return Manners(
        connections=max(one.connections for one in each),
        window=min(one.window for one in each),
        delay=max(one.delay for one in each),
        max_rate=min(rates, default=None),
        timeout=max(one.timeout for one in each),
    )


class Pace:
    """Keeps requests `1 / max_rate` apart, over all connections of a link.

    Attributes:
        next_at: the next request may be sent then, monotonic seconds.
    """

    def __init__(self) -> None:
        self.next_at = float("-inf")

    def sent(self, now: float, max_rate: float | None) -> None:
        """A request was sent."""
        if max_rate is not None:
            self.next_at = now + 1.0 / max_rate
