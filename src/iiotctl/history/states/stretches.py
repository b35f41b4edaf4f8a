"""One aggregate over stretches of time that belong together: an event, or all the time that a state lasted.

Stretches are cut into pieces that fit in memory, the function of OPC 10000-13 is applied to each piece, and the results
are put together by what the function means: averages weighted by the time (or number of samples) they are of, totals
and durations by sum, extremes as extremes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from iiotctl.errors import UsageError
from iiotctl.history import series
from iiotctl.history.pace import Pace

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.history.aggregates.base import Configuration
    from iiotctl.history.sql.reader import Reader
    from iiotctl.history.tagfacts import TagFacts

BLOCK_ROWS: Final = 1_000_000
"""Samples read at once, about."""
_FIRST_SPAN_US: Final = 24 * 3_600_000_000


class _Rule(Enum):
    """How results of pieces become one."""

    SUM = "sum"
    LEAST = "least"
    MOST = "most"
    BY_TIME = "weighted by time"
    BY_MEASURED = "weighted by the time without Bad data"
    BY_COUNT = "weighted by the number of Good samples"
    FIRST = "of the first piece"
    LAST = "of the last piece"


_RULES: Final = {
    "Average": _Rule.BY_COUNT,
    "TimeAverage": _Rule.BY_TIME,
    "TimeAverage2": _Rule.BY_MEASURED,
    "Total": _Rule.SUM,
    "Total2": _Rule.SUM,
    "Minimum": _Rule.LEAST,
    "Minimum2": _Rule.LEAST,
    "Maximum": _Rule.MOST,
    "Maximum2": _Rule.MOST,
    "Count": _Rule.SUM,
    "DurationInStateZero": _Rule.SUM,
    "DurationInStateNonZero": _Rule.SUM,
    "NumberOfTransitions": _Rule.SUM,
    "StartBound": _Rule.FIRST,
    "EndBound": _Rule.LAST,
    "DurationGood": _Rule.SUM,
    "DurationBad": _Rule.SUM,
    "PercentGood": _Rule.BY_TIME,
    "PercentBad": _Rule.BY_TIME,
    "WorstQuality": _Rule.MOST,
    "WorstQuality2": _Rule.MOST,
}


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches [start, end) of time, by start.

    Attributes:
        starts: (n,) int64, µs UTC.
        ends: (n,) int64, µs UTC.
        group: (n,) int64, from 0: those of one group belong together.
        groups: how many groups there are.
    """

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    group: npt.NDArray[np.int64]
    groups: int


def check(function: str) -> None:
    """Refuse a function whose results cannot be put together.

    Args:
        function: its name as in the standard.

    Raises:
        UsageError: `not-together`.
    """
    if function not in _RULES:
        raise UsageError(
            "not-together",
            f"`{function}` of stretches that lie apart has no meaning",
            where="--function",
            hint=f"one of {', '.join(_RULES)}",
        )


def together(
    reader: Reader,
    tag: TagFacts,
    functions: Sequence[str],
    stretches: Stretches,
    *,
    stepped: bool | None = None,
    configuration: Configuration | None = None,
    gaps: bool = True,
) -> dict[str, npt.NDArray[np.float64]]:
    """Aggregates of one tag, each over all stretches of a group.

    Args:
        reader: over the whole store.
        tag: whose values.
        functions: names as in the standard, all of which `check` lets through.
        stretches: over what.
        stepped: the value holds until the next sample; None = as the tag does.
        configuration: of the aggregates.
        gaps: what was not recorded is Bad; False = take no notice of it.

    Returns:
        By function (groups,) float64; NaN where there is nothing to tell.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    import numpy as np

    from iiotctl.history.aggregates import registry
    from iiotctl.history.aggregates.frame import Frame
    from iiotctl.history.aggregates.regions import Regions

    sums = {name: _Sum(_RULES[name], stretches.groups) for name in functions}
    rules = {total.rule for total in sums.values()}
    for samples, starts, ends, group in _pieces(reader, tag.tag, stretches, gaps=gaps):
        frame = Frame.of(
            samples,
            starts,
            ends,
            stepped=tag.stepped if stepped is None else stepped,
            configuration=configuration,
        )
        weights: dict[_Rule, npt.NDArray[Any]] = {_Rule.BY_TIME: ends - starts}
        if _Rule.BY_MEASURED in rules:
            regions = Regions(frame, sloped=not frame.stepped)
            weights[_Rule.BY_MEASURED] = regions.good + regions.uncertain
        if _Rule.BY_COUNT in rules:
            weights[_Rule.BY_COUNT] = registry.FUNCTIONS["Count"].compute(frame).value
        for name, total in sums.items():
            value = registry.FUNCTIONS[name].compute(frame).value
            total.add(value, weights.get(total.rule, np.ones(value.size)), group)
    return {name: total.result() for name, total in sums.items()}


class _Sum:
    """Results of pieces on their way to one a group."""

    def __init__(self, rule: _Rule, groups: int) -> None:
        import numpy as np

        self.rule = rule
        start = {_Rule.LEAST: np.inf, _Rule.MOST: -np.inf}.get(rule, 0.0)
        self._value = np.full(groups, start)
        self._weight = np.zeros(groups)

    def add(self, value: npt.NDArray[Any], weight: npt.NDArray[Any], group: npt.NDArray[np.int64]) -> None:
        """Pieces in the order of time."""
        import numpy as np

        there = ~np.isnan(value) & (weight > 0)
        value, weight, group = value[there], weight[there].astype(np.float64), group[there]
        match self.rule:
            case _Rule.LEAST:
                np.minimum.at(self._value, group, value)
            case _Rule.MOST:
                np.maximum.at(self._value, group, value)
            case _Rule.FIRST | _Rule.LAST:
                backward = slice(None, None, -1 if self.rule is _Rule.FIRST else 1)
                fresh = (self._weight[group] == 0) | (self.rule is _Rule.LAST)
                self._value[group[fresh][backward]] = value[fresh][backward]
            case _Rule.SUM:
                np.add.at(self._value, group, value)
            case _:
                np.add.at(self._value, group, value * weight)
        np.add.at(self._weight, group, weight)

    def result(self) -> npt.NDArray[np.float64]:
        import numpy as np

        weighted = self.rule in (_Rule.BY_TIME, _Rule.BY_MEASURED, _Rule.BY_COUNT)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = self._value / self._weight if weighted else self._value
        return np.where(self._weight > 0, value, np.nan)


def _pieces(
    reader: Reader, tag: str, stretches: Stretches, *, gaps: bool
) -> Iterator[tuple[series.Series, npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Blocks of samples with the pieces of stretches that lie in them: samples, starts, ends, groups."""
    import numpy as np

    pace = Pace(BLOCK_ROWS, _FIRST_SPAN_US)
    at, last = stretches.starts[0] if stretches.starts.size else 0, stretches.ends.max(initial=0)
    while at < last:
        to = at + pace.span
        inside = (stretches.starts < to) & (stretches.ends > at)
        starts, ends = np.maximum(stretches.starts[inside], at), np.minimum(stretches.ends[inside], to)
        samples = series.read(reader, tag, int(starts.min()), int(ends.max()), gaps=gaps)
        yield samples, starts, ends, stretches.group[inside]
        pace.read(samples.between(at, to))
        ahead = stretches.starts[stretches.ends > to]
        at = max(to, ahead.min(initial=last))
