"""What the store knows of the recent past, against the plainest model of it; saved and replayed at any moment."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.quality import BAD, BAD_TIMEOUT
from iiotctl.samples import Gap, GapReason, SampleBatch
from iiotctl.store.spool import Commit
from iiotctl.store.state import State

NAMES = ["a", "b", "c"]
Sample = tuple[int, int, int, bool]

samples = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 30), st.integers(0, 9), st.booleans()), max_size=6)
events = st.lists(st.one_of(samples, st.just("save"), st.just("next run")), max_size=8)


def _batch(rows: list[Sample]) -> SampleBatch:
    return SampleBatch(
        np.array([code for code, *_ in rows], np.uint32),
        np.array([ts for _, ts, *_ in rows], np.int64),
        np.array([np.nan if bad else value for _, _, value, bad in rows], np.float64),
        np.array([BAD_TIMEOUT if bad else 0 for *_, bad in rows], np.uint32),
    )


@given(events)
def test_last_rows_are_those_of_the_plain_model(steps: list[object]) -> None:
    state = State()
    state.begin("run 0", NAMES)
    last: dict[str, tuple[int, float | None, int]] = {}
    good: dict[str, int] = {}
    for number, step in enumerate(steps, 1):
        if step == "save":
            loaded = State.from_frame(state.to_frame())
            assert loaded is not None
            state = loaded
            state.begin(f"run {number}", NAMES)
        elif step == "next run":
            state.begin(f"run {number}", NAMES)
        else:
            assert isinstance(step, list)
            state.commit(Commit(_batch(step)))
            # of equal times the later row counts; within a batch, too
            for code, ts, value, bad in step:
                tag = NAMES[code]
                if tag not in last or ts >= last[tag][0]:
                    last[tag] = (ts, None if bad else float(value), BAD_TIMEOUT if bad else 0)
                if not bad:
                    good[tag] = max(ts, good.get(tag, ts))
    found = state.recovery().last
    assert {tag: (row.ts, row.value, row.quality) for tag, row in found.items()} == last
    assert {tag: row.good_ts for tag, row in found.items() if row.good_ts is not None} == good
    assert all(row.quality < BAD or row.value is None for row in found.values())


gap_rows = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9), st.booleans(), st.booleans()), max_size=12)


@given(gap_rows, st.integers(0, 12))
def test_open_gaps_are_those_whose_latest_row_is_open(rows: list[tuple[int, int, bool, bool]], saved_at: int) -> None:
    state = State()
    latest: dict[str, Gap] = {}
    for number, (which, at, is_open, withdrawn) in enumerate(sorted(rows, key=lambda row: row[1])):
        if number == saved_at:
            loaded = State.from_frame(state.to_frame())
            assert loaded is not None
            state = loaded
        row = Gap(f"g{which}", "plc", None, 0, None if is_open else 5, GapReason.TIMEOUT, at, withdrawn=withdrawn)
        state.gaps([row])
        latest[row.id] = row
    expected = {gap.id: gap for gap in latest.values() if gap.end is None and not gap.withdrawn}
    assert {gap.id: gap for gap in state.recovery().open_gaps} == expected


def test_a_damaged_checkpoint_is_none() -> None:
    data = bytearray(State().to_frame())
    for place in range(len(data)):
        data[place] ^= 1
        assert State.from_frame(bytes(data)) is None
        data[place] ^= 1
    assert State.from_frame(bytes(data)) is not None
    assert State.from_frame(b"") is None
