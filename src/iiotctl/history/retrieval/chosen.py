"""From what a person typed to tags and a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from iiotctl.errors import UsageError
from iiotctl.events import Event, Level
from iiotctl.history.retrieval import chunks
from iiotctl.history.retrieval.request import Mode
from iiotctl.history.tagfacts import TagFacts, find
from iiotctl.history.time.intervals import intervals, parse_every

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.history.sql.reader import Reader
    from iiotctl.history.time.sitetime import SiteTime
    from iiotctl.history.time.times import Range


def tags(reader: Reader, patterns: Sequence[str], mode: Mode, notice: Callable[[Event], None]) -> list[TagFacts]:
    """The tags that match and that a mode has an answer for.

    Args:
        reader: of the store.
        patterns: names or patterns such as `press1.*`.
        mode: all but `raw` need numbers.
        notice: is told which tags are left out because they hold texts.

    Raises:
        IncompleteError: `no-tags`, one of the patterns matches nothing.
        UsageError: `text-tag`, all that match hold texts.
        StoreError: no store.
    """
    found = find(reader, patterns)
    if mode is Mode.RAW:
        return found
    texts = [facts.tag for facts in found if facts.kind == "text" or facts.type.lower().startswith("string")]
    numbers = [facts for facts in found if facts.tag not in texts]
    if not numbers:
        raise UsageError(
            "text-tag",
            f"`{texts[0]}` holds texts, which mode `{mode}` cannot answer",
            where="TAG",
            hint="`--mode raw` gives them as recorded",
        )
    if texts:
        more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
        notice(
            Event(Level.WARNING, "text-tag", f"left out `{texts[0]}`{more}: texts, which mode `{mode}` cannot answer")
        )
    return numbers


def windows(reader: Reader, during: str | None, start: int, end: int) -> tuple[tuple[int, int], ...] | None:
    """When an event lasted, within a range; None when none was named.

    Raises:
        IncompleteError: the store knows no such event, or none in the range.
        StoreError: no store.
    """
    if during is None:
        return None
    from iiotctl.history.events.during import windows as lasted

    return tuple(lasted(reader, during, start, end))


def bounds(reader: Reader, tags: Sequence[TagFacts], within: Range, during: str | None) -> tuple[int, int]:
    """The range, µs UTC; where an end of it was left open, that of the event, or else that of the samples.

    Raises:
        IncompleteError: the store knows no such event, or none in the range.
        StoreError: no store.
    """
    if within.start is not None and within.end is not None:
        return within.start, within.end
    if during is not None:
        from iiotctl.history.events.during import windows as lasted

        found = lasted(reader, during, within.start, within.end)
        first, last = found[0][0], found[-1][1]
    else:
        first, last = chunks.extent(reader, [tag.tag for tag in tags]) or (0, 0)
    start = first if within.start is None else within.start
    return start, max(start, last if within.end is None else within.end)


def check_every(text: str | None, mode: Mode) -> None:
    """Refuse `--every` of a mode that has no use for it.

    Raises:
        UsageError: `bad-value`.
    """
    if text is not None and mode is not Mode.INTERPOLATED:
        raise UsageError(
            "bad-value",
            f"`--every` says how far apart interpolated values are; mode `{mode}` has none",
            where="--every",
            hint="`--mode interpolated`, or leave `--every` out",
        )


def every(text: str | None) -> str:
    """`--every` of interpolated values, which must be there.

    Raises:
        UsageError: `no-interval`, `bad-interval`.
    """
    if text is None:
        raise UsageError(
            "no-interval",
            "mode `interpolated` needs to know how far apart the values shall be",
            where="--every",
            hint="e.g. `--every 1min`",
        )
    parse_every(text)
    return text


def grid(start: int, end: int, every_: str, zone: SiteTime, *, descending: bool = False) -> npt.NDArray[np.int64]:
    """Times at which values are wanted, rising: the `--from` of the range belongs to them, its `--to` does not.

    Raises:
        UsageError: `bad-interval`, `too-many-intervals`, `no-shifts`.
    """
    found = intervals(start, end, every_, zone, descending=descending)
    return found.ends[::-1] if descending else found.starts
