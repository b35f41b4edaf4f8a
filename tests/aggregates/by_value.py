"""Oracle, first half: aggregates of OPC 10000-13 §5.4.3 over raw values, and those that are a bound."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from tests.aggregates.history import (
    BAD_NO_DATA,
    CALCULATED,
    GOOD,
    MULTIPLE,
    RAW,
    SUB_NORMAL,
    History,
    Result,
    Sample,
)


def no_data() -> Result:
    return Result(None, None, BAD_NO_DATA)


def _good(samples: list[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.severity == 0]


def _numbers(samples: list[Sample]) -> list[Fraction]:
    return [sample.value for sample in samples if sample.value is not None]


def average(history: History, low: int, high: int) -> Result:
    """§5.4.3.5: sum of the Good raw values by their number; status by count of values."""
    samples = history.within(low, high)
    good = _numbers(_good(samples))
    if not good:
        return no_data()
    return Result(sum(good, Fraction(0)) / len(good), None, history.status_of_values(samples), CALCULATED)


def count(history: History, low: int, high: int) -> Result:
    """§5.4.3.21: number of Good raw values, zero when there are none; status by count of values."""
    samples = history.within(low, high)
    return Result(Fraction(len(_good(samples))), None, history.status_of_values(samples), CALCULATED)


def _extreme(history: History, low: int, high: int, best: Callable[..., Fraction]) -> tuple[Sample, int, bool] | None:
    """The first Good sample with the extreme value, the status, and whether there are several of it.

    Uncertain when a Bad value is there, or an Uncertain one beyond the extreme (§5.4.3.10, table).
    """
    samples = history.within(low, high)
    good = _good(samples)
    if not good:
        return None
    value = best(_numbers(good))
    rivals = _numbers([sample for sample in samples if sample.severity == 1 and not history.is_bad(sample)])
    doubtful = any(history.is_bad(sample) for sample in samples) or any(
        best([value, rival]) != value for rival in rivals
    )
    hits = [sample for sample in good if sample.value == value]
    return hits[0], SUB_NORMAL if doubtful else GOOD, len(hits) > 1


def _extreme_at_start(history: History, low: int, high: int, best: Callable[..., Fraction]) -> Result:
    """§5.4.3.10, §5.4.3.11: Raw when the value lies on the start of the interval, else Calculated."""
    found = _extreme(history, low, high, best)
    if found is None:
        return no_data()
    sample, status, several = found
    info = RAW if sample.ts == history.borders(low, high)[0] and status == GOOD else CALCULATED
    return Result(sample.value, None, status, info | (MULTIPLE if several else 0))


def _extreme_at_its_time(history: History, low: int, high: int, best: Callable[..., Fraction]) -> Result:
    """§5.4.3.12, §5.4.3.13: the raw sample itself, the oldest of several."""
    found = _extreme(history, low, high, best)
    if found is None:
        return no_data()
    sample, status, several = found
    return Result(sample.value, sample.ts, status, RAW | (MULTIPLE if several else 0))


def minimum(history: History, low: int, high: int) -> Result:
    return _extreme_at_start(history, low, high, min)


def maximum(history: History, low: int, high: int) -> Result:
    return _extreme_at_start(history, low, high, max)


def minimum_actual_time(history: History, low: int, high: int) -> Result:
    return _extreme_at_its_time(history, low, high, min)


def maximum_actual_time(history: History, low: int, high: int) -> Result:
    return _extreme_at_its_time(history, low, high, max)


def value_range(history: History, low: int, high: int) -> Result:
    """§5.4.3.14: greatest less smallest Good raw value."""
    least, most = _extreme(history, low, high, min), _extreme(history, low, high, max)
    if least is None or most is None:
        return no_data()
    assert least[0].value is not None
    assert most[0].value is not None
    return Result(most[0].value - least[0].value, None, max(least[1], most[1]), CALCULATED)


def first(history: History, low: int, high: int) -> Result:
    """§5.4.3.25 Start: the earliest raw sample, Bad or not, with its own status and time."""
    samples = history.within(low, high)
    return _as_stored(samples[0]) if samples else no_data()


def last(history: History, low: int, high: int) -> Result:
    """§5.4.3.26 End: the latest raw sample, likewise."""
    samples = history.within(low, high)
    return _as_stored(samples[-1]) if samples else no_data()


def _as_stored(sample: Sample) -> Result:
    return Result(None if sample.severity == 2 else sample.value, sample.ts, sample.status, RAW)


def delta(history: History, low: int, high: int) -> Result:
    """§5.4.3.27: latest less earliest Good raw value; Uncertain when non-Good ones were passed over to find them."""
    samples = history.within(low, high)
    good = _good(samples)
    if not good:
        return no_data()
    sure = samples[0].severity == 0 and samples[-1].severity == 0
    numbers = _numbers(good)
    return Result(numbers[-1] - numbers[0], None, GOOD if sure else SUB_NORMAL, CALCULATED)


def number_of_transitions(history: History, low: int, high: int) -> Result:
    """§5.4.3.24: changes between non-Bad values, the first against the last non-Bad value before the interval."""
    samples = history.within(low, high)
    ahead = [s for s in history.samples if (s.ts <= low if history.backward else s.ts < low)]
    earlier = [s.value for s in ahead if not history.is_bad(s)]
    previous = earlier[-1] if earlier else None
    changes = 0
    for sample in samples:
        if history.is_bad(sample):
            continue
        changes += previous is None or sample.value != previous
        previous = sample.value
    return Result(Fraction(changes), None, history.status_of_values(samples), CALCULATED)


def worst_quality(history: History, low: int, high: int) -> Result:
    """§5.4.3.35: worst status of the raw samples as value, the first of several; always Good, Calculated."""
    return _worst(history, [sample.status for sample in history.within(low, high)])


def worst_quality_2(history: History, low: int, high: int) -> Result:
    """§5.4.3.36: likewise, the start bound counted in."""
    codes = [sample.status for sample in history.within(low, high)]
    start, _ = history.borders(low, high)
    if history.on(start) is None:  # else the sample is the bound
        bound = history.ignoring_uncertain_as_bad().simple(start).status
        codes = [*codes, bound] if history.backward else [bound, *codes]
    return _worst(history, codes)


def _worst(history: History, codes: list[int]) -> Result:
    """MultipleValues: in v1.05 for several values of the worst quality, in v1.04 for several codes of it."""
    if not codes:
        return no_data()
    worst = max(code >> 30 for code in codes)
    hits = [code for code in codes if code >> 30 == worst]
    several = len(hits) if history.config.edition == "1.05" else len(set(hits))
    return Result(Fraction(hits[0]), None, GOOD, CALCULATED | (MULTIPLE if several > 1 else 0))


def _spread(history: History, low: int, high: int, *, sample: bool, root: bool) -> Result:
    """§5.4.3.37 to §5.4.3.40: over Good raw values, n - 1 or n below the line; one value has none."""
    samples = history.within(low, high)
    good = _numbers(_good(samples))
    if not good:
        return no_data()
    mean = sum(good, Fraction(0)) / len(good)
    squares = sum(((number - mean) ** 2 for number in good), Fraction(0))
    variance = squares / (len(good) - sample) if len(good) > 1 else Fraction(0)
    status = GOOD if len(good) == len(samples) else SUB_NORMAL
    return Result(math.sqrt(variance) if root else variance, None, status, CALCULATED)


def standard_deviation_sample(history: History, low: int, high: int) -> Result:
    return _spread(history, low, high, sample=True, root=True)


def standard_deviation_population(history: History, low: int, high: int) -> Result:
    return _spread(history, low, high, sample=False, root=True)


def variance_sample(history: History, low: int, high: int) -> Result:
    return _spread(history, low, high, sample=True, root=False)


def variance_population(history: History, low: int, high: int) -> Result:
    return _spread(history, low, high, sample=False, root=False)
