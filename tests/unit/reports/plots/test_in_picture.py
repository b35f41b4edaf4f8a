"""Trends as SVG and PNG: the same bytes each time, everything labelled, texts of devices harmless."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from iiotctl import quality
from iiotctl.reports.plots.in_picture import Size, png, svg
from tests.unit.reports.plots.traces import END, START, full, hostile, pressure, trace, trend

SVG = "{http://www.w3.org/2000/svg}"


def texts(document: bytes) -> list[str]:
    return ["".join(found.itertext()) for found in ET.fromstring(document).iter(f"{SVG}text")]


def test_same_data_same_bytes() -> None:
    first = svg(full(), Size(1200))
    assert first == svg(full(), Size(1200))
    assert png(full(), Size(600)) == png(full(), Size(600))
    assert b"<metadata" not in first  # which would hold the date


def test_everything_is_labelled() -> None:
    found = texts(svg(full(), Size(1200)))
    for word in ("bar", "06:00", "14:00", "2026-11-21", "stopped", "running", "fault", "A", "B", "C", "disconnected"):
        assert word in found, word
    for part in (
        "A  press1.hydraulics.pressure",
        "Europe/Berlin (UTC+01:00)",
        "A high 200",
        "91.46 % good",
        "450 samples",
    ):
        assert any(part in text for text in found), part


def test_gap_and_quality_are_drawn() -> None:
    document = svg(trend(pressure()), Size(1200)).decode()
    assert document.count("<pattern") == 4  # gap behind the line; gap, Uncertain and Bad in the strip
    for color in ("#d9ead3", "#f0c000", "#c00000"):
        assert color in document
    whole = svg(trend(trace([START, END], [1, 2])), Size(1200)).decode()
    assert "<pattern" not in whole
    assert "#c00000" not in whole


def test_the_line_has_a_hole_where_the_gap_is() -> None:
    (line,) = [
        path.get("d", "")
        for path in ET.fromstring(svg(trend(pressure()), Size(1200))).iter(f"{SVG}path")
        if "stroke: #0072b2" in path.get("style", "") and path.get("clip-path")
    ]
    assert line.count("M ") == 3  # before the gap, up to the Bad sample, after it


def test_ten_thousand_holes_are_one_line() -> None:
    n = 20_000
    ts = [START + i * 1_000_000 for i in range(n)]
    broken = trace(ts, [i % 5 for i in range(n)], [quality.BAD * (i % 3 == 0) for i in range(n)])
    assert len(svg(trend(broken, end=ts[-1]), Size(1200))) < 2_000_000


@pytest.mark.parametrize("size", [Size(600), Size(1200, 500), Size(333, 777)])
def test_png_has_the_size_asked_for(size: Size) -> None:
    data = png(full(), size)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert width == size.width
    assert height == (size.height or height)


def test_texts_of_devices_are_data() -> None:
    document = svg(hostile(), Size(1200))
    found = texts(document)
    assert "$\\frac{1}{2}$" in found  # no formula
    assert any("</script><img src=x onerror=alert(1)>" in text for text in found)
    assert any("\\x1b[31mred\\x07\\u202eevil 漢字" in text for text in found)
    assert b"<img" not in document
    assert b"<script" not in document
    assert png(hostile(), Size(1200))


def test_a_long_name_takes_no_room_of_the_lines() -> None:
    long = trace([START, START + 60_000_000], [1, 2], tag="plant." * 60, unit="normal cubic metres per hour, dry")
    found = texts(svg(trend(long), Size(900)))
    assert any(text.startswith("A  plant.") and text.endswith("…") and len(text) < 120 for text in found)
    assert "normal cubic metres per…" in found


def test_nothing_to_draw_is_a_frame() -> None:
    assert any("no usable value" in text for text in texts(svg(trend(trace([], [])), Size(1200))))


def test_a_read_only_home_and_a_matplotlibrc_of_the_reader_change_nothing(tmp_path: Path) -> None:
    """In a process of its own: matplotlib looks for both when it is imported."""
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\nnonsense here\n")
    code = (
        "import sys; from tests.unit.reports.plots.traces import full;"
        "from iiotctl.reports.plots.in_picture import Size, svg; sys.stdout.buffer.write(svg(full(), Size(1200)))"
    )
    env = {**os.environ, "HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere", "PYTHONPATH": str(Path.cwd())}
    env["TMPDIR"] = str(tmp_path)
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, env=env, capture_output=True)
    assert done.stdout == svg(full(), Size(1200)), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["matplotlibrc"]
