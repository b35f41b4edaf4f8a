"""A baseline in a few figures a tag, and what changed between two. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.checks import kinds
from iiotctl.checks.features.columns import SECOND
from iiotctl.checks.states import REST

if TYPE_CHECKING:
    from iiotctl.checks.baseline.model import TagBaseline

CHANGED: Final = 0.1
"""Figures that differ by less than this share of the larger one are called the same."""
_RELATED: Final = frozenset({"tags", "twin", "siblings"})
"""Keys of what checks learnt that hold names of tags."""
_FIGURES: Final = (
    ("low", "median", 0.001),
    ("typical", "median", 0.5),
    ("high", "median", 0.999),
    ("noise", "std", 0.5),
    ("noisiest", "std", 0.999),
    ("largest_step", "step_max", 1.0),
    ("longest_gap", "apart", 1.0),
)
FIGURES: Final = (*(name for name, _, _ in _FIGURES), "resolution", "interval")
"""Names of the figures of a tag, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was learnt of one tag, for people.

    Attributes:
        tag, unit: as learnt.
        start, end: µs UTC, where its samples began and ended in the learning period.
        hours: of windows with samples.
        figures: by name (`FIGURES`), in the tag's unit; `interval` and `longest_gap` in s; None = not known.
        sort: `measured`, `counter`, `state`, `constant`.
        rest: levels at which it rests.
        related: other tags, by the check that found them.
    """

    tag: str
    unit: str
    start: int
    end: int
    hours: float
    figures: Mapping[str, float | None]
    sort: str
    rest: tuple[float, ...]
    related: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of one tag that differs between two baselines.

    Attributes:
        tag: name.
        figure: one of `FIGURES`, or `unit`, `rest`, `related`, `tag` (one of both does not know it).
        before, after: as numbers or texts; None = not known.
        ratio: after / before; None where that says nothing.
    """

    tag: str
    figure: str
    before: float | str | None
    after: float | str | None
    ratio: float | None = None


def summary(base: TagBaseline) -> Summary:
    """The figures of one tag."""
    sort = base.learnt.get(kinds.KIND, {})
    figures = {name: _known(base.quantile(feature, q)) for name, feature, q in _FIGURES}
    resolution = sort.get("resolution")
    figures |= {
        "resolution": _known(float(resolution)) if isinstance(resolution, int | float) else None,
        "interval": _known(base.interval),
    }
    names = [name for name in ("counter", "discrete", "constant") if sort.get(name)]
    return Summary(
        tag=base.tag,
        unit=base.unit,
        start=base.start,
        end=base.end,
        hours=base.windows * base.window / SECOND / 3600,
        figures=figures,
        sort={"discrete": "state"}.get(names[0], names[0]) if names else "measured",
        rest=tuple(_numbers(base.learnt.get(REST, {}).get("levels"))),
        related=_related(base),
    )


def changes(before: Mapping[str, TagBaseline], after: Mapping[str, TagBaseline]) -> Iterator[Change]:
    """What differs between two baselines, by tag."""
    for tag in sorted({*before, *after}):
        if tag not in after:
            yield Change(tag, "tag", "known", None)
        elif tag not in before:
            yield Change(tag, "tag", None, "known")
        else:
            yield from _of_tag(summary(before[tag]), summary(after[tag]))


def _of_tag(before: Summary, after: Summary) -> Iterator[Change]:
    if before.unit != after.unit:
        yield Change(before.tag, "unit", before.unit, after.unit)
    for name in FIGURES:
        old, new = before.figures[name], after.figures[name]
        if old is None or new is None:
            if old is not new:
                yield Change(before.tag, name, old, new)
        elif abs(old - new) > CHANGED * max(abs(old), abs(new)):
            yield Change(before.tag, name, old, new, new / old if old else None)
    for name, was, now in (("rest", before.rest, after.rest), ("related", before.related, after.related)):
        if was != now:
            yield Change(before.tag, name, _listed(was), _listed(now))


def _related(base: TagBaseline) -> tuple[str, ...]:
    """Names of tags in what checks learnt, under keys that say so, the closest first as they stand there."""
    found: dict[str, None] = {}
    for learnt in base.learnt.values():
        for key in _RELATED & learnt.keys():
            value = learnt[key]
            names = [value] if isinstance(value, str) else [one for one in _sequence(value) if isinstance(one, str)]
            found |= dict.fromkeys(name for name in names if name)
    return tuple(found)


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _numbers(value: object) -> list[float]:
    return [float(one) for one in _sequence(value) if isinstance(one, int | float)]


def _listed(values: Sequence[object]) -> str | None:
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values) or None


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
