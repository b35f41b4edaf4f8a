"""What `max_gap` saves: the figure of the project's target, and that `never_read` and cuts hold in every plan."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.site.address import Table
from iiotctl.sources.modbus.advice import OFFERED, advise
from iiotctl.sources.modbus.plan import Extent, Limits, plan


def scattered(tags: int, seed: int = 1) -> list[Extent]:
    """Tags of one or two registers with gaps of one to four between them: as many requests as tags."""
    choose = random.Random(seed)
    extents, at = [], 0
    for key in range(tags):
        count = choose.choice((1, 2))
        extents.append(Extent(key, Table.HOLDING, at, count, 1.0))
        at += count + choose.randint(1, 4)
    return extents


@pytest.mark.parametrize("seed", range(5))
def test_two_hundred_requests_become_a_tenth(seed: int) -> None:
    found = advise(scattered(200, seed), Limits())
    assert found.planned.requests == found.without.requests == 200
    assert found.better is not None
    assert found.better.max_gap == 4
    assert found.better.requests <= 20
    assert len(plan(scattered(200, seed), Limits(max_gap=4))) == found.better.requests


def test_what_would_be_read_beside_the_tags_is_counted() -> None:
    extents = [Extent(0, Table.HOLDING, 0, 2, 1.0), Extent(1, Table.HOLDING, 5, 1, 1.0)]
    found = advise(extents, Limits())
    assert found.without.undeclared == 0
    assert found.better is not None
    assert (found.better.max_gap, found.better.requests, found.better.undeclared) == (4, 1, 3)


def test_a_raised_gap_is_compared_with_none() -> None:
    found = advise(scattered(100), Limits(max_gap=4))
    assert found.without.requests == 100
    assert found.planned.requests < 10
    assert found.better is None


def test_never_read_is_never_offered() -> None:
    extents = [Extent(0, Table.HOLDING, 0, 1, 1.0), Extent(1, Table.HOLDING, 3, 1, 1.0)]
    assert advise(extents, Limits(never_read=((Table.HOLDING, 1, 1),))).better is None


def test_what_the_device_refused_once_is_not_offered() -> None:
    extents = [Extent(0, Table.HOLDING, 0, 1, 1.0), Extent(1, Table.HOLDING, 3, 1, 1.0)]
    assert advise(extents, Limits(), {Table.HOLDING: {3: 2}}).better is None


def test_rates_count_each_period() -> None:
    extents = [Extent(0, Table.HOLDING, 0, 1, 1.0), Extent(1, Table.HOLDING, 50, 1, 0.5)]
    assert advise(extents, Limits()).planned.per_second == 3


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 4), st.sampled_from([0.5, 1.0])), max_size=40),
    st.integers(0, 20),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 5)), max_size=3),
)
def test_advice_is_what_the_planner_would_do(
    tags: list[tuple[int, int, float]], gap: int, never: list[tuple[int, int]]
) -> None:
    extents = [Extent(key, Table.INPUT, at, count, period) for key, (at, count, period) in enumerate(tags)]
    limits = Limits(max_gap=gap, never_read=tuple((Table.INPUT, at, at + more) for at, more in never))
    found = advise(extents, limits)
    assert found.planned.requests == len(plan(extents, limits))
    assert found.without.undeclared == 0
    if found.better is not None:
        assert found.better.max_gap in OFFERED
        assert found.better.requests < found.planned.requests
        assert found.better.undeclared >= found.planned.undeclared
