"""What an aggregate is: its settings, its result, and the words that describe it.

Clause numbers are those of OPC 10000-13 v1.05.07; v1.04 has the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag, StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from iiotctl import quality
from iiotctl.errors import UsageError
from iiotctl.history.aggregates.edition import Edition

if TYPE_CHECKING:
    from iiotctl.history.aggregates.frame import Frame

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint32]
Bools = npt.NDArray[np.bool_]

RESOLUTION_US: Final = 1_000
"""Time resolution of the calculations, 1 ms (§5.4.2.4): the length of what follows the last sample of all, and how far
the time of an end bound lies inside its interval. Samples keep their microseconds."""

CODE: Final = 0xFFFF0000
"""The part of a status code that names it; below are info bits."""

UNCERTAIN: Final = quality.CODES["UncertainDataSubNormal"]
NO_DATA: Final = quality.BAD_NO_DATA
_HUNDRED: Final = 100


class Info(IntFlag):
    """Info bits of a result (§5.3.3; OPC 10000-4 §7.39). None of the first two set = a raw value."""

    CALCULATED = 1
    INTERPOLATED = 2
    PARTIAL = 4
    EXTRA_DATA = 8
    MULTIPLE_VALUES = 16


INFO_MASK: Final = 31
_INFO_NAMES: Final = {
    Info.CALCULATED: "Calculated",
    Info.INTERPOLATED: "Interpolated",
    Info.PARTIAL: "Partial",
    Info.EXTRA_DATA: "ExtraData",
    Info.MULTIPLE_VALUES: "MultipleValues",
}
_LOCATION: Final = Info.CALCULATED | Info.INTERPOLATED


def info_names(bits: int, *, raw: bool) -> list[str]:
    """Names of the info bits of a result.

    Args:
        bits: its status code, or the info bits alone.
        raw: the result is a sample as it was stored.
    """
    names = ["Raw"] if raw and not bits & _LOCATION else []
    return names + [name for bit, name in _INFO_NAMES.items() if bits & bit]


@dataclass(frozen=True, slots=True)
class Configuration:
    """AggregateConfiguration (§4.2.1.2), with the defaults of the standard.

    Attributes:
        treat_uncertain_as_bad: Uncertain samples count as Bad, else as Good, unless a function says otherwise.
        percent_data_bad: percentage of Bad data from which on a result is Bad.
        percent_data_good: percentage of Good data from which on a result is Good.
        use_sloped_extrapolation: behind the last sample go on with its slope, else hold its value; for interpolated
            bounding values only.
        edition: of the standard.
    """

    treat_uncertain_as_bad: bool = True
    percent_data_bad: int = 100
    percent_data_good: int = 100
    use_sloped_extrapolation: bool = False
    edition: Edition = Edition.V1_04

    def check(self) -> None:
        """Refuse percentages that §4.2.1.2 calls invalid (Bad_AggregateInvalidInputs).

        Raises:
            UsageError: `bad-percent`.
        """
        bad, good = self.percent_data_bad, self.percent_data_good
        if not (0 <= bad <= _HUNDRED and 0 <= good <= _HUNDRED):
            wrong, value = ("bad", bad) if not 0 <= bad <= _HUNDRED else ("good", good)
            raise UsageError(
                "bad-percent",
                f"`--percent-data-{wrong}` is {value}: a percentage lies between 0 and 100",
                cause="OPC 10000-13 §4.2.1.2: Bad_AggregateInvalidInputs",
            )
        if good < _HUNDRED - bad:
            raise UsageError(
                "bad-percent",
                f"`--percent-data-good {good}` and `--percent-data-bad {bad}` contradict each other:"
                " an interval could be Good and Bad at once",
                cause="OPC 10000-13 §4.2.1.2: Bad_AggregateInvalidInputs",
                hint=f"PercentDataGood is at least 100 - PercentDataBad, here {_HUNDRED - bad}",
            )

    def status(self, good: Floats | Ints, bad: Floats | Ints, total: Floats | Ints) -> Codes:
        """Good, UncertainDataSubNormal or Bad by the shares of an interval (§5.4.3.2.1).

        Where PercentDataGood and PercentDataBad add up to 100, the Good calculation holds (§4.2.1.2).

        Args:
            good: (n,) number or duration of what is Good.
            bad: (n,) likewise Bad.
            total: (n,) of all; 0 = nothing there is Bad, hence Good.
        """
        enough_good = good * _HUNDRED >= total * self.percent_data_good
        enough_bad = (bad > 0) & (bad * _HUNDRED >= total * self.percent_data_bad)
        if self.percent_data_good + self.percent_data_bad == _HUNDRED:
            enough_bad &= ~enough_good & (not self.edition.looks_at_good_alone)
        found = np.where(enough_good, quality.GOOD, UNCERTAIN)
        return np.where(enough_bad, quality.BAD, found).astype(np.uint32)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Results of one function, one per interval.

    Attributes:
        value: (n,) float64, NaN = null. Status codes for the worst quality.
        quality: (n,) uint32, status code with info bits.
        ts: (n,) int64, µs UTC: start of the interval, or the time of the value.
        raw: (n,) bool, the result is a sample as it was stored.
        extra: (n,) int64 each, for the further columns that the function names.
    """

    value: Floats
    quality: Codes
    ts: Ints
    raw: Bools
    extra: tuple[Ints, ...] = ()


def outcome(
    frame: Frame,
    value: Floats,
    status: Codes,
    *,
    info: Codes | int = Info.CALCULATED,
    info_when_bad: int = 0,
    ts: Ints | None = None,
    raw: Bools | None = None,
    sets_partial: bool = True,
    extends: bool = False,
) -> Outcome:
    """Put a result together: nothing outside the data, no value where Bad, Bad where no finite value, the Partial bit.

    Args:
        frame: the intervals.
        value: (n,).
        status: (n,) codes without info bits.
        info: (n,) or one for all; bits beside Partial of results that are not Bad.
        info_when_bad: bits beside Partial of a result that PercentDataBad made Bad.
        ts: (n,) µs UTC; None = start of each interval.
        raw: (n,) whether a sample is returned as stored; None = none is.
        sets_partial: the function marks incomplete intervals.
        extends: the function has results behind the last sample.
    """
    outside = frame.before if extends else frame.outside
    status = np.where(outside, np.uint32(NO_DATA), status).astype(np.uint32)
    # a sum may be beyond what a number holds, and a sample be none
    status = np.where((status < quality.BAD) & ~np.isfinite(value), np.uint32(quality.BAD), status)
    is_bad = status >= quality.BAD
    # no data is an answer without location; Bad by percentage may keep what says how it came about
    bits = np.where(is_bad, np.where(status == NO_DATA, 0, info_when_bad), info).astype(np.uint32)
    if sets_partial:
        bits |= np.where(frame.partial(extrapolated=extends), np.uint32(Info.PARTIAL), np.uint32(0))
    stamp = np.where(bits > 0, np.uint32(quality.INFO_TYPE_DATA_VALUE), np.uint32(0))
    stored = np.zeros(len(status), bool) if raw is None else raw & ~outside
    when = frame.start if ts is None else np.where(outside | (is_bad & ~stored), frame.start, ts)
    return Outcome(np.where(is_bad, np.nan, value), status | bits | stamp, when, stored & ~is_bad)


class Bounds(StrEnum):
    """What a function takes for the values at the borders of an interval."""

    NONE = "none"
    INTERPOLATED = "interpolated"
    SIMPLE = "simple"


class Unit(StrEnum):
    """What the unit of a result is made of."""

    SAME = "that of the tag"
    TIMES_SECONDS = "that of the tag x s"
    SQUARED = "that of the tag, squared"
    MILLISECONDS = "ms"
    PERCENT = "%"
    COUNT = "none"
    STATUS = "none (status code)"


@dataclass(frozen=True, slots=True)
class Function:
    """An aggregate function.

    Attributes:
        name: BrowseName of the standard.
        clause: where OPC 10000-13 defines it.
        definition: what it gives, in our words.
        bounds: bounding values it uses.
        unit: of its result.
        status: how the status of the result comes about.
        compute: makes the results of a frame.
        of_texts: works on the quality alone, so that text tags have it too.
        by_tally: `compute` takes a `Tally` beside the frame, wherever that was counted.
        extra: names of further columns.
        reach: Good samples wanted on either side of the intervals, where more than for bounding values.
    """

    name: str
    clause: str
    definition: str
    bounds: Bounds
    unit: Unit
    status: str
    compute: Callable[..., Outcome]
    of_texts: bool = False
    by_tally: bool = False
    extra: tuple[str, ...] = ()
    reach: int = 0
