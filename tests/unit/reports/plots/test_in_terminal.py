"""Trends as text, compared with drawings that a person has looked at.

After a change that is meant: `python -m tests.unit.reports.plots.test_in_terminal` draws them anew; look at them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from iiotctl.reports.plots.in_terminal import Look, draw
from tests.unit.reports.plots.traces import END, HOUR, START, full, hostile, pressure, state, trace, trend

GOLDEN = Path(__file__).parent / "golden"
DRAWINGS = {
    "one-80.txt": lambda: draw(trend(pressure()), Look(80)),
    "full-80.txt": lambda: draw(full(), Look(80)),
    "full-120.txt": lambda: draw(full(), Look(120)),
    "full-80-ascii.txt": lambda: draw(full(), Look(80, unicode=False)),
    "full-80-color.txt": lambda: draw(full(), Look(80, color=True)),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing(name: str) -> None:
    assert DRAWINGS[name]() == (GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [40, 60, 61, 80, 200])
@pytest.mark.parametrize("height", [None, 10, 24, 60])
@pytest.mark.parametrize("unicode", [True, False])
def test_fits_the_width(width: int, height: int | None, unicode: bool) -> None:
    lines = draw(full(), Look(width, height, unicode=unicode)).splitlines()
    figures = lines.index("")  # numbers are not cut
    assert max(cell_len(line) for line in lines[:figures]) <= width


@pytest.mark.parametrize("height", [None, 24, 40, 77])
def test_one_time_is_one_column_in_all_panels(height: int | None) -> None:
    ramp = trace([START, END], [180, 187.1], tag="oven", unit="degC")
    lines = draw(trend(pressure(), ramp, state()), Look(80, height)).splitlines()
    axes = [line for line in lines if "└" in line]
    assert len(axes) == 3
    assert len({line.index("└") for line in axes}) == 1
    assert len({line[line.index("└") :] for line in axes}) == 1


def test_fits_the_height_where_there_is_room() -> None:
    assert draw(full(), Look(80, 60)).count("\n") <= 60
    assert draw(trend(pressure()), Look(80, 24)).count("\n") <= 24


def test_ascii_is_ascii() -> None:
    assert draw(hostile(), Look(80, unicode=False)).isascii()


def test_color_changes_nothing_but_colours() -> None:
    text = draw(full(), Look(80, color=True))
    assert "\x1b[" in text
    assert "\x1b[48" not in text  # dark and light terminals keep their own background
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert [line.rstrip() for line in plain.splitlines()] == draw(full(), Look(80)).splitlines()


def test_texts_of_devices_cannot_move_the_cursor() -> None:
    text = draw(hostile(), Look(120))
    assert "\\x1b[31mred\\x07\\u202eevil" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", text)


def test_a_lone_sample_is_visible() -> None:
    text = draw(trend(trace([START + HOUR], [5.0])), Look(60))
    assert re.search("[\u2801-\u28ff]", text)


@pytest.mark.parametrize(
    "values",
    [
        [5.0, 1e308, 5.0],
        [1.79e308, -1.79e308, 0.0],
        [1e300, 5e300, 2e300],
        [1e307, 5e307, 2e307],
        [1e-300, 6e-300, 2e-300],
        [0.0, 5e-324, 1e-322],
        [1e9, 1e9 + 6e-6, 1e9 + 1e-6],
        [1.0, 1.0 + 2.3e-16, 1.0],
        [1.79e308],
    ],
)
@pytest.mark.parametrize("unicode", [True, False])
def test_any_finite_value_is_drawn(values: list[float], unicode: bool) -> None:
    traces = [trace([START + n * HOUR for n in range(len(values))], values, tag=tag, high=values[0]) for tag in "ab"]
    lines = draw(trend(*traces), Look(80, unicode=unicode)).splitlines()
    assert len(lines) < 40
    assert max(cell_len(line) for line in lines[: lines.index("")]) <= 80


def test_nothing_to_draw_is_still_a_frame() -> None:
    text = draw(trend(trace([], [], gaps=((START, END, "shutdown"),))), Look(60))
    assert "gap A: 2026-11-21 06:00 to 14:00 shutdown" in text
    assert not re.search("[\u2801-\u28ff]", text)


def test_many_samples_are_one_drawing() -> None:
    """A million samples are thinned before anything is drawn: each one alone would take minutes."""
    n = 1_000_000
    text = draw(trend(trace([START + i * 28_800 for i in range(n)], [i % 7 for i in range(n)])), Look(80))
    assert "1,000,000" in text


if __name__ == "__main__":
    for file, drawing in DRAWINGS.items():
        (GOLDEN / file).write_text(drawing(), encoding="utf-8")
