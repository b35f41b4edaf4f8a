"""What is kept with an event: how long it lasted, what is doubtful about it, and how its tags ran meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from iiotctl.history.states.stretches import Stretches, together

if TYPE_CHECKING:
    from iiotctl.history.events.latch import Found
    from iiotctl.history.sql.reader import Reader
    from iiotctl.history.tagfacts import TagFacts

_FIGURES: Final = {
    "StartBound": "start",
    "EndBound": "end",
    "Minimum2": "min",
    "Maximum2": "max",
    "TimeAverage2": "mean",
}
"""Functions of OPC 10000-13 and what they are called here."""


def figures(reader: Reader, tags: Sequence[TagFacts], found: Sequence[Found]) -> list[dict[str, Any]]:
    """Attributes of each event, JSON-compatible; those that change with time only once it is over.

    Args:
        reader: over the whole store.
        tags: whose values are told, by name under `values`.
        found: events by start.
    """
    attributes = [_about(event) for event in found]
    over = [place for place, event in enumerate(found) if event.end is not None]
    if not over:
        return attributes
    import numpy as np

    starts = np.array([found[place].start for place in over], np.int64)
    ends = np.array([found[place].end for place in over], np.int64)
    stretches = Stretches(starts, ends, np.arange(len(over)), len(over))
    for place in over:
        attributes[place]["values"] = {tag.tag: {} for tag in tags}
    for tag in tags:
        for function, values in together(reader, tag, list(_FIGURES), stretches).items():
            for place, value in zip(over, values.tolist(), strict=True):
                attributes[place]["values"][tag.tag][_FIGURES[function]] = None if np.isnan(value) else _short(value)
    return attributes


def _about(event: Found) -> dict[str, Any]:
    about: dict[str, Any] = {}
    if event.end is not None:
        about["duration_s"] = (event.end - event.start) / 1e6
        if event.uncertain_us:
            about["uncertain_s"] = event.uncertain_us / 1e6
        if not event.is_end_known:
            about["end_known"] = False
        if event.parts > 1:
            about["parts"] = event.parts
    if not event.is_start_known:
        about["start_known"] = False
    return about


def _short(value: float) -> float:
    """To ten figures, so that sums taken in another order come to the same."""
    return float(f"{value:.10g}")
