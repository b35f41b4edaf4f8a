"""The functions by name: what each gives, which bounds it takes, how its status and unit come about."""

from __future__ import annotations

import difflib
from typing import Final

from iiotctl.errors import UsageError
from iiotctl.history.aggregates import area, counter, extremes, limits, qualities, raw, states
from iiotctl.history.aggregates.base import Bounds, Function, Unit

_BY_COUNT: Final = "by the shares of the samples (PercentDataGood, PercentDataBad): Good, UncertainDataSubNormal, Bad"
_BY_TIME: Final = "by the shares of the time (PercentDataGood, PercentDataBad): Good, UncertainDataSubNormal, Bad"
_BRIDGED: Final = "Uncertain as soon as Bad samples are skipped, Uncertain ones used, or the data extrapolated"
_ALWAYS_GOOD: Final = "always Good"
_OF_EXTREMES: Final = "Uncertain when the interval holds Bad samples, or an Uncertain one beyond the result; else Good"
_SPREAD_STATUS: Final = "Uncertain when any sample of the interval is not Good; else Good"

_ALL: Final = (
    Function(
        "Interpolative",
        "5.4.3.4",
        "The value at the start of the interval: a sample that stands there, else read off the line between the nearest"
        " usable samples on both sides (the value of the one before, for a stepped tag). Behind the last sample the"
        " value is held, or follows the slope with `--sloped-extrapolation`.",
        Bounds.INTERPOLATED,
        Unit.SAME,
        _BRIDGED,
        area.interpolative,
    ),
    Function(
        "Average",
        "5.4.3.5",
        "The plain mean of the Good samples: each counts the same, however long it held. Use TimeAverage2 unless"
        " samples come at equal distances.",
        Bounds.NONE,
        Unit.SAME,
        _BY_COUNT + "; Partial is never set",
        raw.average,
        by_tally=True,
    ),
    Function(
        "TimeAverage",
        "5.4.3.6",
        "The area below straight lines between the usable samples, divided by the time. Bad stretches are bridged; the"
        " lines are sloped even for a stepped tag. Behind the last sample the value is extrapolated.",
        Bounds.INTERPOLATED,
        Unit.SAME,
        _BRIDGED,
        area.time_average,
    ),
    Function(
        "TimeAverage2",
        "5.4.3.7",
        "The area below the samples, sloped or stepped as the tag is, divided by the time without Bad data: Bad"
        " stretches count neither for the area nor for the time.",
        Bounds.SIMPLE,
        Unit.SAME,
        _BY_TIME,
        area.time_average_2,
    ),
    Function(
        "Total",
        "5.4.3.8",
        "TimeAverage times the seconds it is the average of: the time integral, Bad stretches bridged. Of kW it gives"
        " kW·s; `--rate-unit h` makes kW·h of it.",
        Bounds.INTERPOLATED,
        Unit.TIMES_SECONDS,
        _BRIDGED,
        area.total,
    ),
    Function(
        "Total2",
        "5.4.3.9",
        "TimeAverage2 times the seconds without Bad data: what flowed while it was measured. What was not measured is"
        " not made up.",
        Bounds.SIMPLE,
        Unit.TIMES_SECONDS,
        _BY_TIME,
        area.total_2,
    ),
    Function(
        "Minimum",
        "5.4.3.10",
        "The smallest Good sample, with the time of the interval's start.",
        Bounds.NONE,
        Unit.SAME,
        _OF_EXTREMES,
        extremes.minimum,
        by_tally=True,
    ),
    Function(
        "Maximum",
        "5.4.3.11",
        "The largest Good sample, with the time of the interval's start.",
        Bounds.NONE,
        Unit.SAME,
        _OF_EXTREMES,
        extremes.maximum,
        by_tally=True,
    ),
    Function(
        "MinimumActualTime",
        "5.4.3.12",
        "The smallest Good sample, with its own time; of equals the oldest, and MultipleValues is set.",
        Bounds.NONE,
        Unit.SAME,
        _OF_EXTREMES,
        extremes.minimum_actual_time,
    ),
    Function(
        "MaximumActualTime",
        "5.4.3.13",
        "The largest Good sample, with its own time; of equals the oldest, and MultipleValues is set.",
        Bounds.NONE,
        Unit.SAME,
        _OF_EXTREMES,
        extremes.maximum_actual_time,
    ),
    Function(
        "Range",
        "5.4.3.14",
        "The largest Good sample less the smallest.",
        Bounds.NONE,
        Unit.SAME,
        _OF_EXTREMES,
        extremes.value_range,
        by_tally=True,
    ),
    Function(
        "Minimum2",
        "5.4.3.15",
        "The smallest value the tag took: samples, the value at the start and, with sloped lines, that at the end.",
        Bounds.SIMPLE,
        Unit.SAME,
        _BY_TIME,
        extremes.minimum_2,
    ),
    Function(
        "Maximum2",
        "5.4.3.16",
        "The largest value the tag took: samples, the value at the start and, with sloped lines, that at the end.",
        Bounds.SIMPLE,
        Unit.SAME,
        _BY_TIME,
        extremes.maximum_2,
    ),
    Function(
        "MinimumActualTime2",
        "5.4.3.17",
        "Minimum2 with the time it was taken; the value at the end is given one millisecond inside the interval.",
        Bounds.SIMPLE,
        Unit.SAME,
        _BY_TIME,
        extremes.minimum_actual_time_2,
    ),
    Function(
        "MaximumActualTime2",
        "5.4.3.18",
        "Maximum2 with the time it was taken; the value at the end is given one millisecond inside the interval.",
        Bounds.SIMPLE,
        Unit.SAME,
        _BY_TIME,
        extremes.maximum_actual_time_2,
    ),
    Function(
        "Range2",
        "5.4.3.19",
        "Maximum2 less Minimum2.",
        Bounds.SIMPLE,
        Unit.SAME,
        "Bad_NoData when one of the two is Bad, else that of the two",
        extremes.range_2,
    ),
    Function(
        "Count",
        "5.4.3.21",
        "How many Good samples lie in the interval; an interval without samples inside the data has 0.",
        Bounds.NONE,
        Unit.COUNT,
        _BY_COUNT,
        raw.count_,
        by_tally=True,
    ),
    Function(
        "DurationInStateZero",
        "5.4.3.22",
        "How long the value was Good and zero, in milliseconds.",
        Bounds.SIMPLE,
        Unit.MILLISECONDS,
        _BY_TIME,
        states.duration_in_state_zero,
    ),
    Function(
        "DurationInStateNonZero",
        "5.4.3.23",
        "How long the value was Good and not zero, in milliseconds.",
        Bounds.SIMPLE,
        Unit.MILLISECONDS,
        _BY_TIME,
        states.duration_in_state_non_zero,
    ),
    Function(
        "NumberOfTransitions",
        "5.4.3.24",
        "How often the value changed. The first usable sample is compared with the last one before the interval;"
        " the very first of all counts as a change.",
        Bounds.NONE,
        Unit.COUNT,
        _BY_COUNT,
        raw.number_of_transitions,
    ),
    Function(
        "Start",
        "5.4.3.25",
        "The earliest sample of the interval, Bad or not, with its own time and status.",
        Bounds.NONE,
        Unit.SAME,
        "that of the sample",
        raw.start,
    ),
    Function(
        "End",
        "5.4.3.26",
        "The latest sample of the interval, Bad or not, with its own time and status.",
        Bounds.NONE,
        Unit.SAME,
        "that of the sample",
        raw.end,
    ),
    Function(
        "Delta",
        "5.4.3.27",
        "The latest Good sample less the earliest. What happens between the last sample of one interval and the first"
        " of the next belongs to neither; for that take DeltaBounds.",
        Bounds.NONE,
        Unit.SAME,
        "Uncertain when other samples had to be skipped; else Good",
        raw.delta,
    ),
    Function(
        "StartBound",
        "5.4.3.28",
        "The value at the start of the interval.",
        Bounds.SIMPLE,
        Unit.SAME,
        "that of the bound",
        limits.start_bound,
    ),
    Function(
        "EndBound",
        "5.4.3.29",
        "The value at the end of the interval, with the time of its start.",
        Bounds.SIMPLE,
        Unit.SAME,
        "that of the bound",
        limits.end_bound,
    ),
    Function(
        "DeltaBounds",
        "5.4.3.30",
        "The value at the end of the interval less that at its start.",
        Bounds.SIMPLE,
        Unit.SAME,
        "Bad_NoData when a bound is Bad, Uncertain when one is Uncertain, else Good",
        limits.delta_bounds,
    ),
    Function(
        "DurationGood",
        "5.4.3.31",
        "How long the data was Good, in milliseconds: each stretch has the status of the sample it begins with, the"
        " first one that of the value at the start.",
        Bounds.SIMPLE,
        Unit.MILLISECONDS,
        _ALWAYS_GOOD,
        qualities.duration_good,
        of_texts=True,
    ),
    Function(
        "DurationBad",
        "5.4.3.32",
        "How long the data was Bad, in milliseconds; the time before the first sample of all is Bad.",
        Bounds.SIMPLE,
        Unit.MILLISECONDS,
        _ALWAYS_GOOD,
        qualities.duration_bad,
        of_texts=True,
    ),
    Function(
        "PercentGood",
        "5.4.3.33",
        "DurationGood in percent of the interval.",
        Bounds.SIMPLE,
        Unit.PERCENT,
        _ALWAYS_GOOD,
        qualities.percent_good,
        of_texts=True,
    ),
    Function(
        "PercentBad",
        "5.4.3.34",
        "DurationBad in percent of the interval.",
        Bounds.SIMPLE,
        Unit.PERCENT,
        _ALWAYS_GOOD,
        qualities.percent_bad,
        of_texts=True,
    ),
    Function(
        "WorstQuality",
        "5.4.3.35",
        "The worst status of the samples, as a status code: Bad is worse than Uncertain, Uncertain than Good; of"
        " equally bad ones the first. MultipleValues says that there are several (in edition 1.04 several codes).",
        Bounds.NONE,
        Unit.STATUS,
        _ALWAYS_GOOD,
        qualities.worst_quality,
        of_texts=True,
    ),
    Function(
        "WorstQuality2",
        "5.4.3.36",
        "WorstQuality with the value at the start of the interval included.",
        Bounds.SIMPLE,
        Unit.STATUS,
        _ALWAYS_GOOD,
        qualities.worst_quality_2,
        of_texts=True,
    ),
    Function(
        "StandardDeviationSample",
        "5.4.3.37",
        "Standard deviation of the Good samples, of a sample of the population (n - 1); 0 for a single one.",
        Bounds.NONE,
        Unit.SAME,
        _SPREAD_STATUS,
        raw.standard_deviation_sample,
        by_tally=True,
    ),
    Function(
        "VarianceSample",
        "5.4.3.38",
        "Square of StandardDeviationSample.",
        Bounds.NONE,
        Unit.SQUARED,
        _SPREAD_STATUS,
        raw.variance_sample,
        by_tally=True,
    ),
    Function(
        "StandardDeviationPopulation",
        "5.4.3.39",
        "Standard deviation of the Good samples, taken as the whole population (n); 0 for a single one.",
        Bounds.NONE,
        Unit.SAME,
        _SPREAD_STATUS,
        raw.standard_deviation_population,
        by_tally=True,
    ),
    Function(
        "VariancePopulation",
        "5.4.3.40",
        "Square of StandardDeviationPopulation.",
        Bounds.NONE,
        Unit.SQUARED,
        _SPREAD_STATUS,
        raw.variance_population,
        by_tally=True,
    ),
    counter.COUNTER_DELTA,
)

FUNCTIONS: Final = {function.name: function for function in _ALL}
"""By name, in the order of the standard."""


def find(name: str) -> Function:
    """The function of a name, whatever its capitals.

    Raises:
        UsageError: `unknown-function`.
    """
    known = {each.lower(): each for each in FUNCTIONS}
    word = name.strip().lower()
    if word in known:
        return FUNCTIONS[known[word]]
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    raise UsageError(
        "unknown-function",
        f"there is no aggregate function `{name}`",
        where="--function",
        hint=f"did you mean `{known[close[0]]}`?" if close else f"one of {', '.join(FUNCTIONS)}",
    )
