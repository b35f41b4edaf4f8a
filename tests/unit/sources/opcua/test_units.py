"""EUInformation and ranges: codes of UN/CEFACT, texts as servers leave them, spans that are none."""

from __future__ import annotations

import math

import pytest

from iiotctl.sources.opcua.units import UNECE, Unit, span_of, unece_code, unit_of


@pytest.mark.parametrize(
    ("number", "code"),
    [(4408652, "CEL"), (4342098, "BAR"), (5067858, "MTR"), (20529, "P1"), (0, ""), (-1, ""), (1, ""), (2**31, "")],
)
def test_common_code(number: int, code: str) -> None:
    assert unece_code(number) == code


def test_unit() -> None:
    celsius = unit_of(UNECE, 4408652, "°C")
    assert (celsius.word, celsius.code, celsius.kind) == ("°C", "CEL", "temperature")
    assert unit_of(UNECE, 4408652, None).word == "CEL"
    assert unit_of("urn:own", 4408652, "bar") == Unit("bar", "")
    assert unit_of("urn:own", 4408652, "bar").kind == "pressure"
    assert unit_of(None, None, None) == Unit()


@pytest.mark.parametrize("text", ["\x1b[31mbar", "x" * 40])
def test_hostile_unit(text: str) -> None:
    assert unit_of(None, None, text).word == ""


def test_span() -> None:
    assert span_of(0, 300) == (0.0, 300.0)
    assert span_of(-50.5, 50) == (-50.5, 50.0)
    for low, high in [(0, 0), (5, 1), (math.nan, 1), (0, math.inf), (None, 3), ("0", "1")]:
        assert span_of(low, high) is None
