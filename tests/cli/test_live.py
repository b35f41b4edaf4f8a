"""The live table at 80 and 120 columns: nothing is cut, trouble comes first, readable without colour and Unicode."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from iiotctl.capture.figures import TagView
from iiotctl.capture.summary import GapFigures, SourceFigures, Summary
from iiotctl.cli import _live, _wording
from iiotctl.cli.capture import line
from iiotctl.completeness import Completeness
from iiotctl.samples import GapReason
from iiotctl.sources.base import SourceState

NAN = float("nan")


def _tag(name: str, *, bad: bool = False) -> TagView:
    spark = [float(place % 7) for place in range(32)]
    if bad:
        return TagView(name, "press1", "bar", None, None, "", "BadNoCommunication", True, 65.0, 0.0, [NAN] * 32)
    return TagView(name, "press1", "l/min", 182.4, None, "", "Good", False, 0.4, 1.0, spark)


def _source(name: str, state: SourceState = SourceState.RUNNING, gaps: int = 0) -> SourceFigures:
    since = 1 if state is SourceState.DOWN else None
    return SourceFigures(
        name, "modbus-tcp", "192.168.10.21:502 unit 1", state, "", 12, 0, 9, 12.0, 0.012, 9, 0, 9, 0, None, gaps, since
    )


def _summary(*sources: SourceFigures, blocked: GapReason | None = None) -> Summary:
    return Summary(
        run="r",
        store="/srv/store",
        started_us=1,
        seconds=751,
        delivered=100,
        stored=1234567,
        suppressed=0,
        redelivered=0,
        dropped=0,
        waiting=0,
        bytes=12_300_000,
        sealed_files=0,
        sealed_bytes=0,
        commits=751,
        durable_until=1_795_249_855_000_000,
        blocked=blocked,
        gaps=(GapFigures(GapReason.TIMEOUT, 2, 12.5), GapFigures(GapReason.DISCONNECTED, 1, 3.0)),
        sources=sources,
        whole=Completeness(10_000_000_000, {"timeout": 1}),
    )


def _draw(width: int, height: int, tags: list[TagView], summary: Summary, encoding: str = "utf-8") -> list[str]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(
        file=stream, width=width, height=height, force_terminal=False, no_color=True, legacy_windows=False
    )
    live = _live.Live(console, 0)
    session = SimpleNamespace(
        summary=lambda: summary,
        view=lambda: tags,
        loaded=SimpleNamespace(site=SimpleNamespace(site=SimpleNamespace(name="Plant 1, line 3"))),
    )
    console.print(live._draw(session))  # type: ignore[arg-type]
    stream.flush()
    return stream.buffer.getvalue().decode(encoding).splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal(width: int) -> None:
    tags = [_tag(f"press1.hydraulics.pressure_{number}") for number in range(30)]
    lines = _draw(width, 24, tags, _summary(_source("press1"), _source("a-source-with-a-rather-long-name")))
    assert len(lines) <= 24
    assert max(len(text) for text in lines) <= width
    assert any("press1.hydraulics.pressure_0 " in text and "182.4 l/min" in text for text in lines)
    assert lines[-1].startswith("… ")
    assert lines[-1].endswith("more tags (iiotctl last shows all)")
    shown = sum("182.4" in text for text in lines)
    assert f"… {30 - shown} more" in lines[-1]
    assert "3 gaps (2 timeout, 1 disconnected)" in lines[1]


def test_tags_without_a_good_value_are_shown_first_of_all() -> None:
    tags = [_tag(f"t{number:03}") for number in range(200)] + [_tag("broken", bad=True)]
    lines = _draw(80, 24, tags, _summary(_source("press1")))
    assert any(text.startswith("broken") and "BadNoCo" in text for text in lines)
    assert _live.choose(tags, 500) == tags


def test_states_are_words_and_a_blocked_store_shouts() -> None:
    lines = _draw(80, 30, [], _summary(_source("press1", SourceState.DOWN, 3), blocked=GapReason.DISK_FULL))
    text = "\n".join(lines)
    assert "down" in text
    assert "3 open" in text
    assert "NOTHING IS STORED: disk-full" in text
    assert "NOTHING IS STORED" in line(_summary(blocked=GapReason.DISK_FULL))


def test_without_unicode_the_bars_are_ascii() -> None:
    lines = _draw(80, 24, [_tag("a" * 64)] * 30, _summary(_source("press1")), encoding="latin-1")
    assert lines[-1].startswith("... ")
    assert not any(bar in text for text in lines for bar in _live._BARS)


def test_many_sources_are_limited() -> None:
    lines = _draw(80, 24, [_tag("a")], _summary(*(_source(f"s{number}") for number in range(30))))
    assert any("22 more sources" in text for text in lines)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([NAN, NAN], ""), ([1.0, 1.0], "▁▁"), ([0.0, NAN, 1.0], "▁ █"), ([0.0, 0.5, 1.0], "▁▅█")],
)
def test_sparklines(values: list[float], expected: str) -> None:
    assert _live.sparkline(values, 8) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (-0.5, "-0.5"), (123456.789, "123457"), (1e-12 / 3, "3.33e-13"), (2.0**40, "1.09951e+12")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert _live.number(value) in (text, "1.1e+12")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-1, "0.0s"), (0.44, "0.4s"), (65, "65s"), (600, "10min"), (9000, "2h"), (2e5, "2d")],
)
def test_ages_are_short(seconds: float | None, text: str) -> None:
    assert _live.age(seconds) == text


def test_the_closing_lines_name_causes_and_never_round_up_to_complete() -> None:
    text = "\n".join(_wording.closing(_summary(_source("press1"))))
    assert "gaps: 2 timeout, 12.5 s" in text
    assert "complete to 99.9999 % of the tags' time" in text
    assert _wording.lasting(245) == "4 min 05 s"
    assert _wording.lasting(11_520) == "3 h 12 min"
