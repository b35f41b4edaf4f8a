"""A recipe of a tag's samples: what a process does, what a sensor makes of it, and what goes wrong. Same recipe, same samples.

The words of a recipe stand in README.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from iiotctl import quality as codes
from iiotctl.checks.tagdata import Disorder, Hole
from iiotctl.imports.order import OrderBook
from iiotctl.site.units import parse_duration
from iiotctl.store import disorder

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
SECOND: Final = 1_000_000


def us(text: str) -> int:
    """µs of a duration such as `2d 4h`; `0` is 0, `-2d` before the beginning."""
    if text.startswith("-"):
        return -us(text[1:])
    return 0 if text == "0" else round(parse_duration(text) * SECOND)


@dataclass(frozen=True, slots=True)
class Samples:
    """The rows of one tag as a store would hold them, and what it noted about their order.

    Attributes:
        ts, received: µs since the beginning of the case, ascending by `ts`; `received` None = not kept.
        value: NaN where there is no number.
        quality: OPC UA status codes.
        disorder: times relative to the beginning of the case.
        holes: likewise.
    """

    ts: Ints
    value: Floats
    quality: npt.NDArray[np.uint32]
    received: Ints | None = None
    disorder: tuple[Disorder, ...] = ()
    holes: tuple[Hole, ...] = ()


@dataclass(slots=True)
class _Rows:
    """In the making: `clock` is the true time, `ts` what the rows say."""

    clock: Ints
    ts: Ints
    value: Floats
    quality: npt.NDArray[np.uint32]
    twice: npt.NDArray[np.bool_]
    rng: np.random.Generator
    clean: Callable[[], Floats]
    """The process without the sensor's noise."""
    noise: float


def samples(tags: Mapping[str, Mapping[str, Any]], name: str, *, seed: int, period: str, length: str) -> Samples:
    """The samples of one tag of a recipe.

    Args:
        tags: all tags of the recipe; one may `follow` another.
        name: which.
        seed: of the case.
        period: between two samples, unless the tag has its own.
        length: of the case.
    """
    told = tags[name]
    clock = np.arange(0, us(length), us(told.get("period", period)), dtype=np.int64)
    rng = np.random.default_rng([seed, sorted(tags).index(name)])
    process = _process(tags, name, seed, clock)
    sigma = float(told.get("noise", 0.0))
    resting = _within(clock, told.get("rest", ()))
    noise = np.where(resting, 0.0, rng.standard_normal(len(clock)) * sigma)
    rows = _Rows(
        clock,
        clock.copy(),
        process + noise,
        np.zeros(len(clock), np.uint32),
        np.zeros(len(clock), np.bool_),
        rng,
        lambda: process,
        sigma,
    )
    faults = told.get("faults", ())
    for fault in faults:
        if fault["kind"] in _BEFORE:
            _BEFORE[fault["kind"]](rows, _at(clock, fault), fault)
    lsb = float(told.get("resolution", 0.0))
    if lsb:
        rows.value = np.round(np.round(rows.value / lsb) * lsb, 9)
    for fault in faults:
        if fault["kind"] in _AFTER:
            _AFTER[fault["kind"]](rows, _at(clock, fault), fault)
        elif fault["kind"] not in _BEFORE and fault["kind"] != "gap":
            msg = f"no such kind of fault: {fault['kind']}"
            raise ValueError(msg)
    kept = ~_within(clock, [(fault["at"], fault["for"]) for fault in faults if fault["kind"] == "gap"])
    holes = tuple(
        Hole(us(f["at"]), us(f["at"]) + us(f["for"]), f["reason"])
        for f in faults
        if f["kind"] == "gap" and "reason" in f
    )
    return _stored(rows, kept, us(told["delay"]) if "delay" in told else None, holes)


def _process(tags: Mapping[str, Mapping[str, Any]], name: str, seed: int, clock: Ints) -> Floats:
    """What the sensor would show if it were perfect."""
    told = tags[name]
    if "follows" in told:
        leader = _process(tags, told["follows"], seed, clock)
        return leader * float(told.get("gain", 1.0)) + float(told.get("offset", 0.0))
    rng = np.random.default_rng([seed, 1000 + sorted(tags).index(name)])
    t = clock / SECOND
    value = np.full(len(t), float(told.get("level", 0.0))) + float(told.get("rate", 0.0)) * t / 3600.0
    for wave in told.get("waves", ()):
        value += wave["size"] * np.sin(2 * math.pi * t / parse_duration(wave["period"]))
    if "setpoints" in told:
        value += _setpoints(rng, t, **told["setpoints"])
    if "wander" in told:
        wander = told["wander"]
        step = max(1, round(parse_duration(wave_of(wander)) / max(t[1] - t[0], 1e-9))) if len(t) > 1 else 1
        marks = np.cumsum(rng.standard_normal(len(t) // step + 2)) * 0.3
        marks -= np.linspace(marks[0], marks[-1], len(marks))
        value += wander["size"] * np.interp(np.arange(len(t)), np.arange(len(marks)) * step, marks)
    value[_within(clock, told.get("rest", ()))] = float(told.get("rest_level", 0.0))
    return value


def wave_of(wander: Mapping[str, Any]) -> str:
    """How slowly a level wanders."""
    return str(wander.get("period", "2h"))


def _setpoints(rng: np.random.Generator, t: Floats, *, size: float, every: str, tau: str = "2min") -> Floats:
    """Steps to random levels, each reached with a first-order lag."""
    stretch = parse_duration(every)
    count = int(t[-1] // stretch) + 1 if len(t) else 1
    goals = np.concatenate([[0.0], rng.uniform(-size, size, count)])
    place = (t // stretch).astype(int)
    since = t - place * stretch
    before, goal = goals[place], goals[np.minimum(place + 1, count)]
    return goal + (before - goal) * np.exp(-since / parse_duration(tau))


def _within(clock: Ints, spans: Sequence[Sequence[str]]) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(clock), np.bool_)
    for at, length in spans:
        found |= (clock >= us(at)) & (clock < us(at) + us(length))
    return found


def _at(clock: Ints, fault: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """The rows that a fault touches; with `every`, one row each so often, or `rows` of them."""
    hit = _within(clock, [(fault["at"], fault.get("for", "1us"))])
    if "every" not in fault:
        if "for" not in fault:
            hit = np.zeros(len(clock), np.bool_)
            first = int(np.searchsorted(clock, us(fault["at"])))
            hit[first : first + int(fault.get("rows", 1))] = True
        return hit
    since = np.flatnonzero(hit)
    step = max(1, round(us(fault["every"]) / int(clock[1] - clock[0])))
    chosen = np.zeros(len(clock), np.bool_)
    for more in range(int(fault.get("rows", 1))):
        chosen[np.minimum(since[::step] + more, len(clock) - 1)] = True
    return chosen


def _noisier(rows: _Rows, hit: npt.NDArray[np.bool_], fault: Mapping[str, Any]) -> None:
    clean = rows.clean()
    rows.value[hit] = clean[hit] + rows.rng.standard_normal(int(hit.sum())) * rows.noise * float(fault["factor"])


def _cycled(rows: _Rows, hit: npt.NDArray[np.bool_], fault: Mapping[str, Any]) -> None:
    t = rows.clock[hit] / SECOND
    rows.value[hit] += float(fault["size"]) * np.sin(2 * math.pi * t / parse_duration(fault["period"]))


def _ramped(rows: _Rows, hit: npt.NDArray[np.bool_], fault: Mapping[str, Any]) -> None:
    since = (rows.clock[hit] - us(fault["at"])) / SECOND / 86_400
    rows.value[hit] += float(fault["per_day"]) * since


def _added(rows: _Rows, hit: npt.NDArray[np.bool_], fault: Mapping[str, Any]) -> None:
    rows.value[hit] += float(fault["by"])


def _clipped(rows: _Rows, hit: npt.NDArray[np.bool_], fault: Mapping[str, Any]) -> None:
    low, high = float(fault.get("low", -math.inf)), float(fault.get("high", math.inf))
    rows.value[hit] = np.clip(rows.value[hit], low, high)


def _coarse(rows: _Rows, hit: npt.NDArray[np.bool_], fault: Mapping[str, Any]) -> None:
    step = float(fault["step"])
    rows.value[hit] = np.round(np.round(rows.value[hit] / step) * step, 9)


def _held(rows: _Rows, hit: npt.NDArray[np.bool_], fault: Mapping[str, Any]) -> None:
    first = np.flatnonzero(hit)[:1]
    rows.value[hit] = rows.value[first] + rows.rng.integers(0, 2, int(hit.sum())) * float(fault.get("flicker", 0.0))


def _set(rows: _Rows, hit: npt.NDArray[np.bool_], fault: Mapping[str, Any]) -> None:
    rows.value[hit] = float(fault["value"]) + rows.rng.standard_normal(int(hit.sum())) * float(fault.get("noise", 0.0))
    if "status" in fault:
        _told(rows, hit, fault)


def _told(rows: _Rows, hit: npt.NDArray[np.bool_], fault: Mapping[str, Any]) -> None:
    rows.quality[hit] = codes.parse(fault["status"]) if isinstance(fault["status"], str) else fault["status"]


def _replayed(rows: _Rows, hit: npt.NDArray[np.bool_], fault: Mapping[str, Any]) -> None:
    first = int(np.searchsorted(rows.clock, us(fault["from"])))
    rows.value[hit] = rows.value[first : first + int(hit.sum())]


def _shifted(rows: _Rows, hit: npt.NDArray[np.bool_], fault: Mapping[str, Any]) -> None:
    rows.ts[hit] += us(fault["by"].removeprefix("-")) * (-1 if fault["by"].startswith("-") else 1)


def _doubled(rows: _Rows, hit: npt.NDArray[np.bool_], fault: Mapping[str, Any]) -> None:
    rows.twice |= hit


_Fault = Callable[[_Rows, npt.NDArray[np.bool_], Mapping[str, Any]], None]
_BEFORE: Final[dict[str, _Fault]] = {"noise": _noisier, "cycle": _cycled, "ramp": _ramped, "add": _added}
"""What happens before the card digitises."""
_AFTER: Final[dict[str, _Fault]] = {
    "clip": _clipped,
    "quantise": _coarse,
    "hold": _held,
    "set": _set,
    "status": _told,
    "replay": _replayed,
    "shift": _shifted,
    "repeat": _doubled,
}


def _stored(rows: _Rows, kept: npt.NDArray[np.bool_], delay: int | None, holes: tuple[Hole, ...]) -> Samples:
    """As import and capture leave it: ordered by time, repeated rows once, and what was out of order noted."""
    ts, value, quality = rows.ts[kept], rows.value[kept], rows.quality[kept]
    arrived = rows.clock[kept]
    noted = _disorder(ts, value, quality, rows.twice[kept])
    order = np.argsort(ts, kind="stable")
    ts, value, quality, arrived = ts[order], value[order], quality[order], arrived[order]
    single = _first(ts)
    received = arrived[single] + delay if delay is not None else None
    return Samples(ts[single], value[single], quality[single], received, noted, holes)


def _first(ordered: Ints) -> npt.NDArray[np.bool_]:
    return np.diff(ordered, prepend=ordered[0] - 1) > 0 if len(ordered) else np.zeros(0, np.bool_)


def _disorder(
    ts: Ints, value: Floats, quality: npt.NDArray[np.uint32], twice: npt.NDArray[np.bool_]
) -> tuple[Disorder, ...]:
    """What an import of these rows, in this order, notes."""
    book = OrderBook()
    book.take(pl.DataFrame({"tag": np.zeros(len(ts), np.uint32), "ts": ts}))
    order = np.argsort(ts, kind="stable")
    at = ts[order]
    same = np.concatenate([[False], (value[order][1:] == value[order][:-1]) & (np.diff(quality[order]) == 0)])
    again = ~_first(at)
    parts = [
        book.found({0: "T"}),
        disorder.of_rows(pl.DataFrame({"tag": "T", "ts": np.append(at[again & same], ts[twice])}), disorder.REPEATED),
        disorder.of_rows(pl.DataFrame({"tag": "T", "ts": at[again & ~same]}), disorder.CONFLICTING),
    ]
    found = disorder.together(parts).select("start", "end", "kind", "rows", "step")
    return tuple(Disorder(*row) for row in found.iter_rows())
