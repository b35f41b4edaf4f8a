"""How complete the record of a tag is. Pure; the one definition for a running capture, its end and the store.

The captured time of a tag is the time in which somebody was to capture it. *Missing* is what of it lies in gaps of
the tag or of its source; filled gaps do not count. *Not kept* is what a trigger ring saw and did not store:
nothing is missing there. Completeness = 1 - missing / captured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Span = tuple[int, int]
"""µs UTC, both ends inside."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """Times of one tag, µs.

    Attributes:
        captured: captured time.
        missing: by reason, what of it is missing.
        not_kept: what of it a trigger ring did not store.
    """

    captured: int
    missing: Mapping[str, int] = field(default_factory=dict)
    not_kept: int = 0

    @property
    def missing_us(self) -> int:
        """µs missing, of all reasons."""
        return sum(self.missing.values())

    @property
    def share(self) -> float | None:
        """0..1, completeness; None when nothing was captured."""
        if self.captured <= 0:
            return None
        return min(1.0, max(0.0, 1.0 - self.missing_us / self.captured))

    @property
    def percent(self) -> float | None:
        """`share` in percent with four digits, rounded down: what is missing never reads as 100."""
        return None if self.share is None else int(self.share * 1_000_000) / 10_000


def total(wholes: Iterable[Completeness]) -> Completeness:
    """Several tags together: the sums of their times."""
    captured = not_kept = 0
    missing: dict[str, int] = {}
    for whole in wholes:
        captured += whole.captured
        not_kept += whole.not_kept
        for reason, us in whole.missing.items():
            missing[reason] = missing.get(reason, 0) + us
    return Completeness(captured, missing, not_kept)


def overlap(start: int, end: int, low: int, high: int) -> int:
    """µs that two intervals have in common; all ends inside."""
    return max(0, min(end, high) - max(start, low) + 1)


def measure(
    captured: Iterable[Span], gaps: Iterable[tuple[int, int, str]], kept: Iterable[Span] | None = None
) -> Completeness:
    """Add up the times of a tag.

    Args:
        captured: when it was captured; these do not overlap.
        gaps: (start, end, reason) each; time in several counts once, for the one that began first.
        kept: windows of the trigger ring; None = it did not go through one.
    """
    spans = list(captured)
    missing: dict[str, int] = {}
    absent: list[Span] = []
    until: int | None = None
    for start, end, reason in sorted(gaps):
        first = start if until is None else max(start, until + 1)
        if first > end:
            continue
        until = end
        absent.append((first, end))
        lost = sum(overlap(first, end, *span) for span in spans)
        if lost:
            missing[reason] = missing.get(reason, 0) + lost
    total = sum(end - start + 1 for start, end in spans)
    if kept is None:
        return Completeness(total, missing)
    accounted = _merged([*absent, *kept])
    seen = sum(overlap(*part, *span) for part in accounted for span in spans)
    return Completeness(total, missing, max(0, total - seen))


def _merged(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found
