"""Trends as one HTML file: nothing is loaded, nothing of a device gets out of its place."""

from __future__ import annotations

import json
import re
import subprocess
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from iiotctl.reports.plots.in_page import page
from tests.peers import require_tool
from tests.unit.reports.plots.traces import GAP, START, full, hostile, trace, trend


class _Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.words.append(data)


@pytest.fixture(scope="module")
def whole() -> str:
    return page(full())


def document(text: str) -> dict:
    return json.loads(_Reader(text).scripts[0])


def test_nothing_is_loaded(whole: str) -> None:
    read = _Reader(whole)
    policy = [attrs["content"] for tag, attrs in read.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"]
    for tag, attrs in read.tags:
        for name in ("src", "srcset", "href", "action", "data", "poster"):
            assert name not in attrs, (tag, attrs)
        assert tag not in {"link", "iframe", "object", "embed", "img", "base", "form"}
        assert str(attrs.get("xlink:href", "#")).startswith("#")
        assert not [name for name in attrs if name.startswith("on")], (tag, attrs)
    outside = whole.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "")
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"')]*", outside) == [
        "https://github.com/leeoniya/uPlot"
    ] * outside.count("https://github.com/leeoniya/uPlot")
    assert not re.search(r"@import|url\((?!#|\"#)|fetch\(|XMLHttpRequest|WebSocket|import\(|eval\(|new Function", whole)


def test_small(whole: str) -> None:
    figures = len(json.dumps(document(whole))) + sum(len(svg) for svg in re.findall(r"<svg.*?</svg>", whole, re.DOTALL))
    assert len(whole.encode()) - figures < 100_000


def test_data_of_the_charts(whole: str) -> None:
    data = document(whole)
    first, second = data["panels"]
    trace_a = first["traces"][0]
    assert (trace_a["tag"], trace_a["unit"], first["limits"]) == (
        "press1.hydraulics.pressure",
        "bar",
        [["A low 40", 40.0], ["A high 200", 200.0]],
    )
    assert trace_a["gaps"] == [[GAP[0] / 1e6, GAP[1] / 1e6, "disconnected"]]
    assert len(trace_a["x"]) == len(trace_a["y"])
    assert trace_a["x"] == sorted(trace_a["x"])
    assert trace_a["y"].count(None) == 3
    assert not [
        x for x, y in zip(trace_a["x"], trace_a["y"], strict=True) if GAP[0] <= x * 1e6 < GAP[1] and y is not None
    ]
    assert {data["names"][str(code)] for _, _, code in trace_a["runs"]} == {
        "Good",
        "UncertainLastUsableValue",
        "BadNoCommunication",
    }
    assert second["states"] == [[0.0, "stopped"], [1.0, "running"], [2.0, "fault"]]
    assert second["traces"][0]["x"][0] * 1e6 == START  # what held before the range begins with it
    assert data["offsets"] == [[START / 1e6, 3600]]


def test_tables_and_still_pictures(whole: str) -> None:
    read = _Reader(whole)
    for word in ("press1.hydraulics.pressure", "205", "91.46 %", "450", "30min", "2026-11-21 08:00:00", "disconnected"):
        assert word in read.words, word
    assert len(re.findall(r'<div class="still"><svg', whole)) == 2
    assert "<noscript><style>" in whole
    assert "@media print" in whole
    assert "prefers-color-scheme: dark" in whole


def test_texts_of_devices_stay_texts() -> None:
    text = page(hostile())
    read = _Reader(text)
    assert len(read.scripts) == 4
    assert len([tag for tag, _ in read.tags if tag in {"img", "b"}]) == 0
    data = json.loads(read.scripts[0])
    first = data["panels"][0]
    assert first["traces"][0]["tag"] == "</script><img src=x onerror=alert(1)>&amp;'\""
    assert first["holes"][0][2] == "</script><b>$\\frac{"
    assert "<script>alert(2)</script>\\u2028" in read.words
    assert not set("<>&\u2028") & set(re.findall(r'id="data">(.*?)</script>', text, re.DOTALL)[0])
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u2028\u202e]", text)


def test_same_data_same_page(whole: str) -> None:
    assert page(full()) == whole


def test_nothing_to_draw_is_a_page() -> None:
    text = page(trend(trace([], [])))
    assert document(text)["panels"][0]["traces"][0]["x"] == []
    assert "No gaps in this range." in text


def test_the_script_is_javascript() -> None:
    node = require_tool("node", "apt-get install nodejs")
    script = str(files("iiotctl.reports.plots").joinpath("page/trend.js"))
    done = subprocess.run([node, "--check", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    code = files("iiotctl.reports.plots").joinpath("page/trend.js").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", code)


def test_uplot_comes_with_its_licence() -> None:
    vendor = files("iiotctl.reports.plots").joinpath("vendor")
    assert "MIT License" in vendor.joinpath("uPlot-LICENSE.txt").read_text(encoding="utf-8")
    assert "v1.6.32" in vendor.joinpath("uPlot.iife.min.js").read_text(encoding="utf-8")[:200]


def test_digits_tell_values_apart_and_a_long_unit_leaves_room() -> None:
    unit = "normal cubic metres per hour, dry, at 0 degC"
    values = [1e9 + 1e-6 * (n % 7) for n in range(20)]
    text = page(trend(trace([START + n * 60_000_000 for n in range(20)], values, unit=unit)))
    (panel,) = document(text)["panels"]
    assert {value for value in panel["traces"][0]["y"] if value is not None} == set(values)
    assert panel["traces"][0]["digits"] == 16
    assert len(set(panel["marks"])) == len(panel["marks"]) > 2
    assert panel["unit"] == "normal cubic metres per…"
    assert f'<td class="u">{unit}</td>' in text  # whole, and folded
