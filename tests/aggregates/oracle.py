"""An independent judge of `iiotctl aggregate`: OPC 10000-13 §5.4.3, one function per aggregate, slow and literal.

Written from the clauses, not from the engine. Where the text leaves a choice, the reading taken is in
`docs/explanation/decisions/0011-part13-readings.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.aggregates import by_time, by_value
from tests.aggregates.history import BAD, BAD_NO_DATA, CALCULATED, PARTIAL, History, Result

Function = Callable[[History, int, int], Result]

FUNCTIONS: Final[dict[str, Function]] = {
    "Interpolative": by_time.interpolative,
    "Average": by_value.average,
    "TimeAverage": by_time.time_average,
    "TimeAverage2": by_time.time_average_2,
    "Total": by_time.total,
    "Total2": by_time.total_2,
    "Minimum": by_value.minimum,
    "Maximum": by_value.maximum,
    "MinimumActualTime": by_value.minimum_actual_time,
    "MaximumActualTime": by_value.maximum_actual_time,
    "Range": by_value.value_range,
    "Minimum2": by_time.minimum_2,
    "Maximum2": by_time.maximum_2,
    "MinimumActualTime2": by_time.minimum_actual_time_2,
    "MaximumActualTime2": by_time.maximum_actual_time_2,
    "Range2": by_time.range_2,
    "Count": by_value.count,
    "DurationInStateZero": by_time.duration_in_state_zero,
    "DurationInStateNonZero": by_time.duration_in_state_non_zero,
    "NumberOfTransitions": by_value.number_of_transitions,
    "Start": by_value.first,
    "End": by_value.last,
    "Delta": by_value.delta,
    "StartBound": by_time.start_bound,
    "EndBound": by_time.end_bound,
    "DeltaBounds": by_time.delta_bounds,
    "DurationGood": by_time.duration_good,
    "DurationBad": by_time.duration_bad,
    "PercentGood": by_time.percent_good,
    "PercentBad": by_time.percent_bad,
    "WorstQuality": by_value.worst_quality,
    "WorstQuality2": by_value.worst_quality_2,
    "StandardDeviationSample": by_value.standard_deviation_sample,
    "StandardDeviationPopulation": by_value.standard_deviation_population,
    "VarianceSample": by_value.variance_sample,
    "VariancePopulation": by_value.variance_population,
}
"""All but AnnotationCount: there are no annotations in the store."""

EXTRAPOLATING: Final = frozenset({"Interpolative", "TimeAverage", "Total"})
"""Answer behind the last sample too ("After End of Data" of their tables)."""

AS_STORED: Final = frozenset({"Start", "End"})
"""Give a sample with its own time, Bad or not."""

ALWAYS_CALCULATED: Final = frozenset({"TimeAverage2", "Total2", "DurationInStateZero", "DurationInStateNonZero"})
"""Keep that bit when PercentDataBad makes them Bad."""

NEVER_PARTIAL: Final = frozenset({"Interpolative", "Average"})


def aggregate(function: str, history: History, low: int, high: int, *, cut: bool = False) -> Result:
    """The result for the interval between two times, µs.

    Args:
        function: name as in the standard.
        history: samples, Stepped, configuration, direction of time.
        low: earlier border.
        high: later border.
        cut: the requested range cuts the interval off.
    """
    start, _ = history.borders(low, high)
    nothing = Result(None, start, BAD_NO_DATA)
    if history.is_before_data(high):
        return nothing
    behind = history.is_after_data(low)
    if behind and function not in EXTRAPOLATING:
        return nothing
    result = FUNCTIONS[function](history, low, high)
    info = result.info
    at = start if result.ts is None else result.ts
    if result.status >> 30 == 2:
        info = CALCULATED if result.status == BAD and function in ALWAYS_CALCULATED else 0
        at = at if function in AS_STORED else start
    if function not in NEVER_PARTIAL and not behind and (cut or _is_partial(function, history, low, high)):
        info |= PARTIAL
    return Result(None if result.status >> 30 == 2 else result.value, at, result.status, info)


def _is_partial(function: str, history: History, low: int, high: int) -> bool:
    """Data begin or end within the interval; in v1.04 an end that is extrapolated leaves nothing open (Annex A.4)."""
    goes_on = function in EXTRAPOLATING and history.config.edition == "1.04"
    return history.begins_within(low, high) or (history.ends_within(low, high) and not goes_on)
