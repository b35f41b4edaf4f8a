"""Feature tables worked out by hand, and what has few rows or none."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from iiotctl.checks.features.columns import COLUMNS, COUNTS, DAY, HOUR, MINUTE, SECOND, Features, window_of
from iiotctl.checks.features.compute import table_of

T0 = 1_760_000_040 * SECOND


def table(
    seconds: Sequence[float], values: Sequence[float], quality: Sequence[int] | None = None, count: int = 1, **more: int
) -> Features:
    codes = np.zeros(len(values), np.uint32) if quality is None else np.array(quality, np.uint32)
    return table_of(
        T0 + (np.array(seconds, np.float64) * SECOND).astype(np.int64),
        np.array(values, np.float64),
        codes,
        window=MINUTE,
        start=T0,
        count=count,
        **more,
    )


def cells(features: Features, row: int = 0) -> dict[str, float]:
    return {name: float(column[row]) for name, column in features.columns.items()}


def test_a_window_by_hand() -> None:
    #          steps:       +2       0      -5      +1      0       0
    found = cells(table([0, 10, 20, 30, 40, 50, 59], [1, 3, 3, -2, -1, -1, -1]))
    wanted = {
        "rows": 7, "n": 7, "bad": 0, "uncertain": 0, "worst": 0, "odd": 0, "first": 1, "last": -1, "min": -2, "max": 3,
        "mean": 2 / 7, "median": -1, "std": math.sqrt(26 / 7 - (2 / 7) ** 2), "unique": 4, "same": 3, "steps": 6,
        "step_med": 0.5, "step_max": 5, "step_min": 1, "step_net": -2, "bend_med": 2, "bend_max": 6, "jut": 1,
        "jut_at": 30, "at_max": 2, "at_min": 1, "run": 3, "apart": 10, "apart_med": 10, "twice": 0,
    }  # fmt: skip
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, rel=1e-6), name
    assert math.isnan(found["behind"])


def test_neighbours_of_the_window_before_and_behind() -> None:
    features = table([-70, -10, 0, 59, 61], [9, 4, 5, 9, 3], count=2, apart_limit=MINUTE)
    first = cells(features)
    assert first["steps"] == 2
    assert first["step_net"] == 5  # 4 → 5 → 9
    assert first["apart"] == 59
    assert first["jut"] == 4  # 9 stands out from 5 before and 3 behind, in the next window
    assert first["jut_at"] == 59
    assert first["rows"] == 2


def test_rows_far_apart_are_no_step() -> None:
    found = cells(table([0, 1, 30, 31], [1, 1, 1, 2], apart_limit=10 * SECOND))
    assert found["steps"] == 2
    assert found["same"] == 1
    assert found["run"] == 2
    assert found["apart"] == 29


def test_what_is_bad_or_no_number() -> None:
    found = cells(table([0, 1, 2, 3, 4], [1, math.nan, math.inf, 7, 2], [0, 0, 0x40900000, 0x80000000, 0x40900000]))
    assert found["rows"] == 5
    assert found["n"] == 2
    assert found["bad"] == 1
    assert found["uncertain"] == 2
    assert found["odd"] == 2
    assert found["worst"] == 0x80000000
    assert found["step_net"] == 1


def test_the_worst_status_is_the_most_frequent_of_its_class() -> None:
    found = table([0, 1, 2, 3, 60], [1] * 5, [0, 0x408F0000, 0x408F0000, 0x40940000, 0x80310000], count=2)
    assert found["worst"].tolist() == [0x408F0000, 0x80310000]


def test_repeated_times() -> None:
    found = cells(table([0, 1, 1, 1, 2], [1, 2, 2, 3, 4]))
    assert found["twice"] == 2
    assert found["rows"] == 5


@pytest.mark.parametrize(("seconds", "value"), [([], []), ([5], [1.0]), ([5, 6], [math.nan] * 2), ([70, 80], [1, 2])])
def test_little_or_nothing(seconds: list[float], value: list[float]) -> None:
    found = cells(table(seconds, value))
    assert set(found) == set(COLUMNS)
    alone = seconds == [5]
    assert found["n"] == alone
    assert math.isnan(found["mean"]) is not alone
    assert math.isnan(found["step_max"])
    if not alone:
        assert all(math.isnan(found[name]) for name in COLUMNS.keys() - COUNTS - {"worst", "apart", "apart_med"})


def test_no_windows_at_all() -> None:
    assert len(table([0, 1, 2], [1, 2, 3], count=0)) == 0


def test_huge_values_do_not_warn() -> None:
    found = cells(table([0, 1, 2], [1.7e308, -1.7e308, 1.7e308]))
    assert found["max"] == 1.7e308
    assert found["step_max"] == math.inf


@pytest.mark.parametrize(
    ("interval", "window"),
    [
        (SECOND, MINUTE),
        (10 * SECOND, MINUTE),
        (10 * SECOND + 1, 10 * MINUTE),
        (5 * MINUTE, HOUR),
        (HOUR, 6 * HOUR),
        (DAY, DAY),
    ],
)
def test_the_window_fits_the_interval(interval: int, window: int) -> None:
    assert window_of(interval) == window
