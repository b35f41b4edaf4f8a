"""Events against a slow oracle that looks at every microsecond: conditions, the latch, and any cut into blocks."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from iiotctl.history.events.latch import Found, Latch
from iiotctl.history.events.verdicts import Course, Truth, judge, sampled
from iiotctl.history.series import Series
from iiotctl.site.condition import AllOf, AnyOf, Claim, Condition, Expression, Not, level_of, parse

END = 60
SAMPLES = st.lists(
    st.tuples(st.integers(-10, END + 10), st.one_of(st.integers(0, 6), st.none())),
    max_size=14,
    unique_by=lambda one: one[0],
)
CONDITIONS = (
    *("a > 3", "a >= 3", "a < 2", "a <= 2", "a = 3", "a != 3", "a is bad", "a is good", "a changes", "a rises"),
    *(
        "a falls",
        "a rises above 3",
        "a falls below 4",
        "a > 3 and b < 3",
        "a > 3 or not b = 2",
        "not (a < 3 or b is bad)",
    ),
    *("a rises above 2 and b > 2", "b >= 4 and not a changes"),
)


def course(samples: list[tuple[int, int | None]], *, stepped: bool, tag: str) -> Course:
    rows = sorted(samples)
    values = [np.nan if value is None else float(value) for _, value in rows]
    quality = [0x80000000 if value is None else 0 for _, value in rows]
    ts = np.array([at for at, _ in rows], np.int64)
    return Course(Series(tag, ts, np.array(values, np.float64), np.array(quality, np.uint32)), stepped)


def _holds(claim: Claim, value: float) -> int:
    limit = claim.threshold
    return {
        Condition.ABOVE: value > limit,
        Condition.AT_LEAST: value >= limit,
        Condition.BELOW: value < limit,
        Condition.AT_MOST: value <= limit,
        Condition.EQUAL: value == limit,
        Condition.UNEQUAL: value != limit,
    }[claim.condition] * 2 - 1


def _levels(claim: Claim, rows: list[tuple[int, int | None]], *, stepped: bool) -> list[tuple[int, int]]:
    """From when on it is yes (1), no (-1) or unknown (0)."""
    found = [(at, 0 if value is None else _holds(claim, value)) for at, value in rows]
    if stepped or claim.condition in (Condition.EQUAL, Condition.UNEQUAL):
        return found
    for place, ((low, one), (high, two)) in enumerate(pairwise(rows)):
        if one is None or two is None or found[place][1] == found[place + 1][1]:
            continue
        crossing = low + Fraction(int(claim.threshold) - one, two - one) * (high - low)
        assume(crossing.denominator != 2)  # halves may be rounded either way
        found[place + 1] = min(max(round(crossing), low + 1), high), found[place + 1][1]
    return found


def oracle(condition: Expression, courses: dict[str, tuple[list[tuple[int, int | None]], bool]], at: int) -> int:
    """What is true at one instant."""
    if isinstance(condition, Not):
        return -oracle(condition.of, courses, at)
    if isinstance(condition, AllOf | AnyOf):
        parts = [oracle(part, courses, at) for part in condition.parts]
        return min(parts) if isinstance(condition, AllOf) else max(parts)
    rows, stepped = courses[condition.tag]
    before = [value for ts, value in rows if ts <= at]
    if condition.condition in (Condition.BAD, Condition.GOOD):
        return 0 if not before else 1 if (before[-1] is None) == (condition.condition is Condition.BAD) else -1
    if condition.condition is Condition.CHANGES:
        known = [(ts, value) for ts, value in rows if value is not None]
        moments = [ts for (_, one), (ts, two) in pairwise(known) if one != two]
        turns = [(ts, 0 if value is None else -1) for ts, value in rows]
    else:
        level = level_of(condition)
        turns = _levels(level, rows, stepped=stepped)
        if level is condition:
            return next((says for ts, says in reversed(turns) if ts <= at), 0)
        known_turns = [turn for turn in turns if turn[1]]
        moments = [ts for (_, one), (ts, two) in pairwise(known_turns) if one < two]
    if at in moments:
        return 1
    state = next((says for ts, says in reversed(turns) if ts <= at), 0)
    return -1 if state else 0


@settings(max_examples=300)
@given(SAMPLES, SAMPLES, st.booleans(), st.booleans(), st.sampled_from(CONDITIONS))
@example([(5, 3), (15, 6)], [], False, True, "a > 3")  # it stands on the limit at its own instant
@example([(5, 1), (15, 4), (25, 1)], [], False, True, "a >= 4")  # it touches the limit
def test_a_condition_is_true_when_the_oracle_says(
    a: list[tuple[int, int | None]], b: list[tuple[int, int | None]], a_steps: bool, b_steps: bool, text: str
) -> None:
    condition = parse(text).expression
    plain = {"a": (sorted(a), a_steps), "b": (sorted(b), b_steps)}
    expected = [oracle(condition, plain, at) for at in range(END)]
    courses = {"a": course(a, stepped=a_steps, tag="a"), "b": course(b, stepped=b_steps, tag="b")}
    truth = judge(condition, courses, 0, END)
    assert sampled(truth, np.arange(END)).tolist() == expected
    assert (np.diff(truth.at) > 0).all()
    assert (np.diff(truth.says) != 0).all()


VERDICTS = st.lists(st.sampled_from([-1, -1, -1, 0, 1, 1, 1]), min_size=1, max_size=30)


def truth_of(says: list[int], offset: int = 0) -> Truth:
    array = np.array(says, np.int8)
    turns = np.concatenate([[True], array[1:] != array[:-1]])
    return Truth(np.flatnonzero(turns).astype(np.int64) + offset, array[turns])


def latched(starts: list[int], ends: list[int], hold: int, end_hold: int) -> list[Found]:
    """The latch, a microsecond at a time."""
    found: list[Found] = []
    begun: tuple[int, bool] | None = None
    run: tuple[int, bool] | None = None
    before, uncertain = 0, 0
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        awaited = min(start, -end) if begun is None else end
        uncertain += begun is not None and end == 0
        if awaited != 1:
            run = None
        elif run is None:
            run = at, before == -1
        before = awaited
        if run is None or at + 1 - run[0] < hold * (begun is None) + end_hold * (begun is not None):
            continue
        if begun is None:
            begun, uncertain = run, 0
        else:
            found.append(Found(begun[0], run[0], begun[1], run[1], uncertain))
            begun = None
        run, before = None, -1
    return [*found, Found(begun[0], None, begun[1], uncertain_us=uncertain)] if begun is not None else found


@given(st.lists(st.tuples(st.sampled_from([-1, 0, 1, 1]), st.sampled_from([-1, -1, 0, 1])), min_size=1, max_size=40),
       st.integers(0, 4), st.integers(0, 4), st.lists(st.integers(1, 39), max_size=4))  # fmt: skip
def test_the_latch_does_what_the_oracle_does_however_the_range_is_cut(
    says: list[tuple[int, int]], hold: int, end_hold: int, cuts: list[int]
) -> None:
    starts, ends = [one for one, _ in says], [two for _, two in says]
    latch = Latch(hold, end_hold)
    found = []
    edges = [0, *sorted({cut for cut in cuts if cut < len(says)}), len(says)]
    for low, high in pairwise(edges):
        found += latch.feed(truth_of(starts[low:high], low), truth_of(ends[low:high], low), high)
    if latch.lasting is not None:
        found.append(latch.lasting)
    assert found == latched(starts, ends, hold, end_hold)


@given(SAMPLES, st.integers(2, 5), st.integers(0, 2))
def test_hysteresis_is_a_separate_end(a: list[tuple[int, int | None]], limit: int, band: int) -> None:
    """Once above the limit it stays on until the value is at or below the limit less the band."""
    from iiotctl.site.condition import contrary

    start = parse(f"a > {limit} hysteresis {band}")
    ending = contrary(start)
    assert ending is not None
    courses = {"a": course(a, stepped=True, tag="a")}
    latch = Latch()
    found = latch.feed(judge(start.expression, courses, 0, END), judge(ending, courses, 0, END), END)
    on, expected = False, []
    rows = sorted(a)
    for at in range(END):
        value = next((value for ts, value in reversed(rows) if ts <= at), None)
        if value is not None and value > limit and not on:
            on = True
            expected.append([at, None])
        elif value is not None and value <= limit - band and on:
            on = False
            expected[-1][1] = at
    every = [*found, *([latch.lasting] if latch.lasting else [])]
    assert [[one.start, one.end] for one in every] == expected
