"""The current loop behind a value."""

from __future__ import annotations

import pytest

from iiotctl.checks import loop


@pytest.mark.parametrize(
    ("value", "share", "current"),
    [(0.0, 0.0, 4.0), (10.0, 1.0, 20.0), (-0.3125, -0.03125, 3.5), (10.625, 1.0625, 21.0)],
)
def test_current_of_a_value(value: float, share: float, current: float) -> None:
    assert loop.share_of(value, (0.0, 10.0)) == pytest.approx(share)
    assert loop.current_of(value, (0.0, 10.0)) == pytest.approx(current)


@pytest.mark.parametrize("span", [1.0, 1.6, 10.0, 25.0, 120.0, 250.0, 4000.0])
@pytest.mark.parametrize("current", [3.5, 3.6, 21.0, 21.5])
def test_the_span_of_a_failure_current_is_found_by_its_resolution(span: float, current: float) -> None:
    value = span * (current - 4) / 16
    found = loop.fitting(value, largest=0.7 * span, resolution=span / 27648)
    assert found is not None
    assert found.span == pytest.approx(span)
    assert (found.current, found.digitised) == (current, True)


@pytest.mark.parametrize("value", [-0.44, 9.7, 0.0, float("nan"), float("inf")])
def test_other_values_fit_no_round_span(value: float) -> None:
    assert loop.fitting(value, largest=6.0, resolution=0.00036) is None


def test_a_span_is_no_smaller_than_what_was_measured() -> None:
    assert loop.fitting(-0.3125, largest=12.0, resolution=float("nan")) is not None  # 0 … 12.5 at 3.6 mA
    assert loop.fitting(-0.3125, largest=14.0, resolution=float("nan")) is None
