"""Durations and counts of states against a slow oracle that looks at every microsecond."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.history.series import Series
from iiotctl.history.states.states import pieces, runs, tally

END = 50
SAMPLES = st.lists(
    st.tuples(st.integers(-8, END + 5), st.one_of(st.integers(0, 3), st.none())),
    max_size=14,
    unique_by=lambda one: one[0],
)
EDGES = st.lists(st.integers(0, END), min_size=2, max_size=6, unique=True)


def series(samples: list[tuple[int, int | None]]) -> Series:
    rows = sorted(samples)
    return Series(
        "a",
        np.array([at for at, _ in rows], np.int64),
        np.array([np.nan if value is None else value for _, value in rows], np.float64),
        np.array([0x80000000 if value is None else 0 for _, value in rows], np.uint32),
    )


Row = list[int]


def oracle(samples: list[tuple[int, int | None]], stretches: list[tuple[int, int]]) -> dict[tuple[int, int], Row]:
    """Entries, visits, duration and longest by interval and state; 99 = unknown."""
    rows = sorted(samples)
    states = [next((v for ts, v in reversed(rows) if ts <= at), None) for at in range(END)]
    found: dict[tuple[int, int], Row] = {}
    last: int | None = None
    run: dict[int, int] = {}
    for at, state in enumerate(states):
        is_begin = at == 0 or states[at - 1] != state
        is_entry = is_begin and (state is None or state != last)
        last = last if state is None else state
        for number, (low, high) in enumerate(stretches):
            if not low <= at < high:
                continue
            row = found.setdefault((number, 99 if state is None else state), [0, 0, 0, 0])
            goes_on = at > low and not is_begin
            run[number] = run[number] + 1 if goes_on else 1
            row[0] += is_entry
            row[1] += not goes_on
            row[2] += 1
            row[3] = max(row[3], run[number])
    return found


@given(SAMPLES, EDGES, st.integers(1, END - 1))
def test_states_are_counted_and_measured_as_the_oracle_does(
    samples: list[tuple[int, int | None]], edges: list[int], cut: int
) -> None:
    borders = sorted(edges)
    stretches = list(zip(borders[::2], borders[1::2], strict=False))
    whole = series(samples)
    found = runs(whole, 0, END)
    again = runs(whole, 0, cut).then(runs(whole, cut, END))
    assert (found.at.tolist(), found.end) == (again.at.tolist(), again.end)
    starts, ends = (np.array(side, np.int64) for side in zip(*stretches, strict=True))
    result = tally(pieces(found, starts, ends))
    rows = zip(
        result.interval, result.state, result.entered, result.visits, result.duration, result.longest, strict=True
    )
    told = {(int(i), 99 if np.isnan(state) else int(state)): [int(x) for x in rest] for i, state, *rest in rows}
    assert told == oracle(samples, stretches)
    for number, (low, high) in enumerate(stretches):
        assert sum(row[2] for (interval, _), row in told.items() if interval == number) == high - low
