"""Durations and sizes as people write them."""

from __future__ import annotations

import pytest

from iiotctl.site.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("1s", 1), ("15min", 900), ("1h30min", 5400), ("1 h", 3600), ("2.5µs", 2.5e-6)],
)
def test_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "s", "1 sec", "-1s", "1s x", "1.s", "nan s", "1e3s"])
def test_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.5, "500ms"), (900, "15min"), (5400, "1h30min"), (1e-6, "1us")]
)
def test_format_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1 kB"),
        (1_420_000, "1.42 MB"),
        (64_000_000, "64 MB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (9_995_000, "10 MB"),
        (5 * 10**15, "5000 TB"),
        (-2_500, "-2.5 kB"),
    ],
)
def test_format_size(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize("text", ["", "64", "MB", "64 mb", "-1MB", "1e3MB"])
def test_not_a_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize(("text", "size"), [("64MB", 64_000_000), ("2 GiB", 2**31), ("1.5kB", 1500), ("7 B", 7)])
def test_size(text: str, size: int) -> None:
    assert parse_size(text) == size
