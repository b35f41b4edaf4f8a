"""Digits of numbers below a drawing: those that tell its values apart."""

from __future__ import annotations

import pytest

from iiotctl.reports.plots import digits


@pytest.mark.parametrize(
    ("value", "span", "text"),
    [
        (1.23456789, 0, "1.23457"),
        (42.0, 0, "42"),
        (0.1 + 0.2, 10, "0.3"),
        (12345737.0, 59, "12345737"),
        (12345737.25, 59, "12345737.25"),
        (12345678.0, 0, "12345678"),
        (1e9 + 2e-6, 6e-6, "1000000000.000002"),
        (-123456789012345.0, 1, "-123456789012345"),
        (2.5e15, 0, "2.5e+15"),
        (1.7e308, 1.7e308, "1.7e+308"),
        (0.0000123, 0, "0.0000123"),
        (1.5e-9, 0, "1.5e-09"),
        (5e-324, 0, "4.94066e-324"),
        (-0.0, 1, "0"),
        (100.0, 3, "100"),
    ],
)
def test_number(value: float, span: float, text: str) -> None:
    assert digits.number(value, span) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (2.137e-9, "< 0.01 %"),
        (0.0123, "0.0123 %"),
        (39.931, "39.93 %"),
        (99.999, "> 99.99 %"),
        (100.0, "100 %"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert digits.percent(share) == text
