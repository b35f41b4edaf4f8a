"""Trends for the tests of this folder: a noisy pressure with everything that can be wrong, a ramp, a state."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

from iiotctl import quality
from iiotctl.history.tagfacts import TagFacts
from iiotctl.history.trenddata import Trace, TrendData

START = 1_795_237_200_000_000  # 2026-11-21T05:00Z
HOUR = 3_600_000_000
END = START + 8 * HOUR
GAP = (START + 2 * HOUR, START + 2 * HOUR + HOUR // 2, "disconnected")
ZONE = ZoneInfo("Europe/Berlin")


def trace(
    ts: list[int] | np.ndarray,
    value: list[float] | np.ndarray,
    status: list[int] | np.ndarray | None = None,
    *,
    gaps: tuple[tuple[int, int, str], ...] = (),
    stepped: bool = False,
    **facts: object,
) -> Trace:
    """A trace of these samples, all Good unless told."""
    told = np.zeros(len(ts), np.uint32) if status is None else np.array(status, np.uint32)
    about = TagFacts(**{"tag": "a", **facts})
    return Trace(about, np.array(ts, np.int64), np.array(value, float), told, list(gaps), stepped, len(ts))


def pressure() -> Trace:
    """Every minute; a spike, a stretch of Uncertain, one Bad sample and a gap."""
    ts = np.arange(START, END, 60_000_000)
    n = np.arange(ts.size)
    value = 150 + 40 * np.sin(n / 90) + (n * 7919 % 13) / 3
    status = np.zeros(ts.size, np.uint32)
    value[60] = 205.0
    status[250:260] = 0x4090_0000
    status[330], value[330] = quality.BAD_NO_COMMUNICATION, np.nan
    kept = (ts < GAP[0]) | (ts >= GAP[1])
    return trace(
        ts[kept],
        value[kept],
        status[kept],
        gaps=(GAP,),
        tag="press1.hydraulics.pressure",
        unit="bar",
        low=40.0,
        high=200.0,
        period=60.0,
    )


def other_pressure() -> Trace:
    """A slow ramp in the same unit."""
    ts = np.arange(START, END, 600_000_000)
    return trace(ts, 100 + np.arange(ts.size) * 1.5, tag="press2.hydraulics.pressure", unit="bar", period=600.0)


def state() -> Trace:
    """Four changes of a state, the first before the range."""
    ts = [START - HOUR, START + HOUR, START + 3 * HOUR, START + 5 * HOUR, END - HOUR]
    texts = {0: "stopped", 1: "running", 2: "fault"}
    return trace(ts, [0, 1, 2, 1, 0], stepped=True, tag="line3.state", kind="state", enum=texts)


def trend(*traces: Trace, start: int = START, end: int = END) -> TrendData:
    """A trend in the zone of the plant."""
    return TrendData(start, end, ZONE, descending=False, traces=list(traces))


def full() -> TrendData:
    """All three kinds in two panels."""
    return trend(pressure(), other_pressure(), state())


def hostile() -> TrendData:
    """Texts that would break out of what they stand in."""
    return trend(
        trace(
            [START, START + HOUR],
            [1, 2],
            gaps=((START + 2 * HOUR, START + 3 * HOUR, "</script><b>$\\frac{"),),
            tag="</script><img src=x onerror=alert(1)>&amp;'\"",
            unit="$\\frac{1}{2}$",
            description="<script>alert(2)</script>\u2028",
        ),
        trace(
            [START, START + HOUR],
            [0, 1],
            stepped=True,
            tag="_\x1b[31mred\x07\u202eevil 漢字",
            enum={0: "<!-- $x^2$", 1: "]]> \x00"},
        ),
    )
