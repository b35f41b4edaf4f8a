"""The seed decides, the first two days are healthy, half of the tags stay clean, and both families look like plants."""

from __future__ import annotations

import numpy as np
import pytest

from iiotctl.simulator.weeks.faults import Label
from iiotctl.simulator.weeks.record import Record
from iiotctl.simulator.weeks.series import DAY_S
from iiotctl.simulator.weeks.week import FAMILIES, HEALTHY_DAYS, Plan, records

TAGS, DAYS = 12, 4
Made = list[tuple[Record, list[Label]]]


def made(family: str, *, seed: int = 1, clean: bool = False, tags: int = TAGS) -> Made:
    return list(records(Plan(seed, family, tags, DAYS, clean)))


@pytest.fixture(scope="module", params=list(FAMILIES))
def week(request: pytest.FixtureRequest) -> tuple[str, Made, Made]:
    """Family, with faults, and the same week without."""
    return request.param, made(request.param), made(request.param, clean=True)


def same(one: Record, other: Record) -> bool:
    (ts, value, quality), (ts_2, value_2, quality_2) = one.rows(), other.rows()
    return np.array_equal(ts, ts_2) and np.array_equal(value, value_2) and np.array_equal(quality, quality_2)


def test_the_seed_decides(week: tuple[str, Made, Made]) -> None:
    family, first, _ = week
    for (one, put), (again, put_again) in zip(first, made(family), strict=True):
        assert same(one, again)
        assert put == put_again
    other = made(family, seed=2, tags=1)[0][0]
    assert not np.array_equal(first[0][0].value, other.value)


def test_half_are_clean_and_exactly_what_they_were(week: tuple[str, Made, Made]) -> None:
    _, faulty, clean = week
    assert not any(put for _, put in clean)
    for (one, put), (was, _) in zip(faulty, clean, strict=True):
        assert same(one, was) == (not put)
    assert TAGS // 2 - 1 <= sum(bool(put) for _, put in faulty) <= TAGS // 2


def test_the_first_two_days_are_healthy(week: tuple[str, Made, Made]) -> None:
    _, faulty, clean = week
    for (one, put), (was, _) in zip(faulty, clean, strict=True):
        assert all(label.first >= HEALTHY_DAYS * DAY_S for label in put)
        early = slice(HEALTHY_DAYS * DAY_S)
        assert np.array_equal(one.ts[early], was.ts[early])
        assert np.array_equal(one.value[early], was.value[early])
        assert np.array_equal(one.quality[early], was.quality[early])
        assert np.array_equal(one.arrives[early], was.arrives[early])
        assert all(row >= early.stop for row in one.twice)


def test_two_faults_of_a_tag_do_not_touch(week: tuple[str, Made, Made]) -> None:
    for _, put in week[1]:
        assert len(put) <= 2
        if len(put) == 2:
            assert put[0].end < put[1].first


def test_healthy_rows_are_in_order_good_and_within_the_span(week: tuple[str, Made, Made]) -> None:
    for one, _ in week[2]:
        ts, value, quality = one.rows()
        assert (np.diff(ts) > 0).all()
        assert not quality.any()
        # an inrush may leave the range
        assert float(((value < one.sensor.low) | (value > one.sensor.high)).mean()) < 1e-4
        assert 0.99 * DAYS * DAY_S < len(ts) <= DAYS * DAY_S
        steps = value / one.sensor.resolution
        assert np.abs(steps - np.round(steps)).max() < 0.01


def test_names_are_unique(week: tuple[str, Made, Made]) -> None:
    assert len({one.sensor.tag for one, _ in week[1]}) == TAGS


def test_every_kind_of_fault_comes() -> None:
    found = {label.fault for _, put in made("units", tags=36) for label in put}
    assert len(found) == 13
