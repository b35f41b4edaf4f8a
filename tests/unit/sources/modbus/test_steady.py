"""What of a device that comes and goes is told."""

from __future__ import annotations

from iiotctl.sources.modbus.steady import STEADY_S, Change, Steadiness


def test_single_outages_are_told_each() -> None:
    state = Steadiness()
    for start in (0.0, 1000.0):
        assert state.down(start) is Change.NEWS
        assert state.up(start + 5)
        assert not state.held(start + 5 + STEADY_S)


def test_a_device_that_comes_and_goes_is_told_so_once() -> None:
    state = Steadiness()
    assert state.down(0) is Change.NEWS
    assert state.up(1)
    assert state.down(5) is Change.AGAIN
    for now in range(6, 600, 5):
        assert not state.up(now)
        assert not state.held(now + 3)
        assert state.down(now + 4) is Change.KNOWN
    assert not state.up(610)
    assert not state.held(609 + STEADY_S)
    assert state.held(610 + STEADY_S)
    assert not state.held(611 + STEADY_S)
    assert state.down(2000) is Change.NEWS


def test_tags_that_fail_again_and_again_are_no_news() -> None:
    state = Steadiness()
    assert state.news_of([1, 2], 0) == [1, 2]
    assert state.news_of([2, 3], 30) == [3]
    assert state.news_of([1, 2], STEADY_S + 1) == [1]
