"""Injected faults: what breaks, where, when, and what it does to a value.

    TARGET:KIND[:key=value,…]

TARGET is a tag (sensor faults) or a source (link faults). Times count from the start of the simulation:
`start` (default 0s), `for` (default: to the end), `every` (repeat: active for `for` of each `every`).
`FAULTS` below is the list of kinds with their parameters; docs/how-to/simulate.md shows each.
A fault does the same in every run with the same seed.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from iiotctl import quality
from iiotctl.errors import UsageError
from iiotctl.simulator.randomness import Noise
from iiotctl.simulator.tags import DEVICES, TAGS, WIRE_BREAK_HIGH, WIRE_BREAK_LOW, SimTag
from iiotctl.site.units import parse_duration

_HINT: Final = "write e.g. `--fault press1.hydraulics.pressure:drift:rate=0.5,start=60s,for=10min`"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault.

    Attributes:
        link: acts on a source, else on a tag.
        protocols: where it exists.
        text: what it does, one line for the docs.
        numbers: numeric parameters with defaults; None = must be given or follows from the span.
        durations: parameters that are durations, with defaults in s.
        statuses: parameters that are OPC UA status codes, with defaults.
        lasts: default of `for` in s.
        repeats: default of `every` in s; 0 = once.
    """

    link: bool
    text: str
    protocols: tuple[str, ...] = ("modbus", "opcua")
    numbers: dict[str, float | None] = field(default_factory=dict)
    durations: dict[str, float] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    lasts: float = math.inf
    repeats: float = 0.0


FAULTS: Final = {
    "flat-line": Kind(False, "keeps the value it had (or `value`)", numbers={"value": None}),
    "spike": Kind(False, "adds `size` (default 30 % of the span) for 200 ms every 10 s", numbers={"size": None}, lasts=0.2, repeats=10.0),
    "drift": Kind(False, "adds `rate` engineering units a minute", numbers={"rate": None}),
    "step": Kind(False, "adds `by` engineering units at once (bias)", numbers={"by": None}),
    "noise": Kind(False, "adds noise of standard deviation `sigma` (default 2 % of the span)", numbers={"sigma": None}),
    "dropout": Kind(False, "no value: Modbus exception `code` for requests that touch it, OPC UA `status`", numbers={"code": 2.0}, statuses={"status": quality.BAD_NO_COMMUNICATION}),
    "wire-break": Kind(False, f"the card's sentinel `raw` ({WIRE_BREAK_HIGH} or {WIRE_BREAK_LOW}; NaN in a float), OPC UA BadSensorFailure", numbers={"raw": float(WIRE_BREAK_HIGH)}),
    "clip": Kind(False, "never leaves `low` to `high`", numbers={"low": -math.inf, "high": math.inf}),
    "silent": Kind(True, "no answer to any request", ("modbus",)),
    "exception": Kind(True, "every request is answered by exception `code`", ("modbus",), numbers={"code": 4.0}),
    "delay": Kind(True, "every answer comes `by` later", ("modbus",), durations={"by": 0.5}),
    "disconnect": Kind(True, "connections are reset, new ones closed at once"),
    "bad-status": Kind(True, "every value carries `status` and no value", ("opcua",), statuses={"status": quality.CODES["BadOutOfService"]}),
    "pause": Kind(True, "the server keeps its connections but neither answers nor publishes", ("opcua",)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One injected fault."""

    text: str
    target: str
    kind: str
    start: float
    lasts: float
    every: float
    numbers: dict[str, float]
    durations: dict[str, float]
    statuses: dict[str, int]

    def begun(self, t: float) -> float | None:
        """When the interval that contains `t` (s since start) began; None = not active."""
        since = t - self.start
        if since < 0:
            return None
        if self.every > 0:
            since = math.fmod(since, self.every)
        return t - since if since < self.lasts else None


_MOST_LISTED: Final = 20


def _bad(text: str, cause: str, hint: str = _HINT) -> UsageError:
    return UsageError("bad-fault", f"`{text}` is not a fault of the simulator", cause=cause, hint=hint)


def _closest(word: str, known: Iterable[str]) -> str:
    names = list(known)
    match = (
        [name for name in names if word.startswith(f"{name}.")]
        or [name for name in names if name.startswith(f"{word}.") or word in name.split(".")]
        or difflib.get_close_matches(word, names, n=1, cutoff=0.4)
    )
    if match:
        return f"did you mean `{match[0]}`?"
    if len(names) > _MOST_LISTED:
        return f"there are {len(names)}, e.g. `{names[0]}`; the file that `--write-site DIR` writes names them all"
    return f"one of {', '.join(names)}"


def _protocol_of(text: str, target: str, kind: Kind) -> tuple[str, SimTag | None]:
    sources = {device.source: device.protocol for device in DEVICES}
    tags = {tag.name: tag for tag in TAGS}
    if kind.link:
        if target not in sources:
            raise _bad(text, f"`{target}` is not a source; {_closest(target, sources)}")
        return sources[target], None
    if target not in tags:
        raise _bad(text, f"`{target}` is not a tag; {_closest(target, tags)}")
    return sources[tags[target].source], tags[target]


def _default_of(text: str, key: str, tag: SimTag | None) -> float:
    share = {"size": 0.3, "sigma": 0.02}.get(key)
    if share is not None and tag is not None and tag.span is not None:
        return share * (tag.span[1] - tag.span[0])
    if key == "value":
        return math.nan
    raise _bad(text, f"it needs `{key}`")


def parse_fault(text: str) -> Fault:
    """A fault from its text.

    Raises:
        UsageError: unknown target, kind or parameter, or a value that does not fit.
    """
    parts = text.strip().split(":", 2)
    if len(parts) < 2:  # noqa: PLR2004 - target and kind
        raise _bad(text, "it has no kind")
    target, name = parts[0].strip(), parts[1].strip()
    kind = FAULTS.get(name)
    if kind is None:
        raise _bad(text, f"`{name}` is not a kind of fault; {_closest(name, FAULTS)}")
    protocol, tag = _protocol_of(text, target, kind)
    if protocol not in kind.protocols:
        raise _bad(text, f"`{name}` does not exist for {protocol} sources")
    if tag is not None and (tag.is_text or tag.type in ("bool", "Boolean")) and name not in ("flat-line", "dropout"):
        raise _bad(text, f"`{target}` is no number; it takes flat-line and dropout")
    given: dict[str, str] = {}
    for item in filter(None, (parts[2] if len(parts) > 2 else "").split(",")):  # noqa: PLR2004 - the third part
        key, equals, value = item.partition("=")
        known = ("start", "for", "every", *kind.numbers, *kind.durations, *kind.statuses)
        if not equals or key.strip() not in known:
            raise _bad(text, f"`{item}` is not a parameter of {name}; {_closest(key, known)}")
        given[key.strip()] = value.strip()
    return _build(text, target, name, tag=tag, given=given)


def _build(text: str, target: str, name: str, *, tag: SimTag | None, given: dict[str, str]) -> Fault:
    kind = FAULTS[name]
    try:
        times = {key: parse_duration(given[key]) for key in ("start", "for", "every") if key in given}
        numbers = {key: float(given[key]) for key in kind.numbers if key in given}
        durations = {
            key: parse_duration(given[key]) if key in given else default for key, default in kind.durations.items()
        }
        statuses = {
            key: quality.parse(given[key]) if key in given else default for key, default in kind.statuses.items()
        }
    except ValueError as error:
        raise _bad(text, str(error)) from error
    for key, default in kind.numbers.items():
        if key not in numbers:
            numbers[key] = _default_of(text, key, tag) if default is None else default
    if any(math.isnan(number) for key, number in numbers.items() if key in given):
        raise _bad(text, "`nan` is no value")
    lasts, every = times.get("for", kind.lasts), times.get("every", kind.repeats)
    if every and lasts >= every:
        raise _bad(text, "`for` must be shorter than `every`")
    if "code" in numbers and numbers["code"] not in range(1, 12):
        raise _bad(text, "`code` is a Modbus exception code, 1 to 11")
    if name == "wire-break" and numbers["raw"] not in (WIRE_BREAK_HIGH, WIRE_BREAK_LOW):
        raise _bad(text, f"`raw` is {WIRE_BREAK_HIGH} or {WIRE_BREAK_LOW}")
    return Fault(text, target, name, times.get("start", 0.0), lasts, every, numbers, durations, statuses)


@dataclass(frozen=True, slots=True)
class Measured:
    """A value as the transmitter hands it to the device.

    Attributes:
        value: engineering units; None = no value.
        quality: OPC UA status code that the device would report.
        sentinel: raw word that stands for a broken wire, or None.
        exception: Modbus exception for requests that touch the tag, or 0.
    """

    value: float | str | None
    quality: int = quality.GOOD
    sentinel: int | None = None
    exception: int = 0


class FaultBank:
    """The faults of a run and what they remember (the value a flat line holds)."""

    def __init__(self, faults: Iterable[Fault], seed: int = 1) -> None:
        self.faults = tuple(faults)
        self._by_target: dict[str, list[int]] = {}
        for i, fault in enumerate(self.faults):
            self._by_target.setdefault(fault.target, []).append(i)
        self._noise = Noise(seed, max(1, len(self.faults)), first_stream=900_000)
        self._held: dict[int, tuple[float, float | str]] = {}

    def active(self, t: float) -> set[int]:
        """Positions in `faults` of those active at `t` s."""
        return {i for i, fault in enumerate(self.faults) if fault.begun(t) is not None}

    def links(self, source: str, t: float) -> dict[str, Fault]:
        """Active link faults of a source, by kind."""
        mine = (self.faults[i] for i in self._by_target.get(source, ()))
        return {fault.kind: fault for fault in mine if fault.begun(t) is not None}

    def apply(self, tag: SimTag, t: float, tick: int, value: float | str) -> Measured:
        """What the faults make of a tag's value at `t` s; several act in the order given."""
        measured = Measured(value)
        for i in self._by_target.get(tag.name, ()):
            began = self.faults[i].begun(t)
            if began is None:
                self._held.pop(i, None)
            elif measured.value is not None:
                measured = self._one(i, t, tick, began, measured.value)
        return measured

    def _one(self, i: int, t: float, tick: int, began: float, value: float | str) -> Measured:
        fault = self.faults[i]
        if fault.kind == "dropout":
            return Measured(None, fault.statuses["status"], exception=int(fault.numbers["code"]))
        if fault.kind == "wire-break":
            return Measured(None, quality.BAD_SENSOR_FAILURE, sentinel=int(fault.numbers["raw"]))
        if fault.kind == "flat-line":
            return Measured(self._hold(i, began, value))
        assert not isinstance(value, str)
        return Measured(_disturbed(fault, value, t - began, lambda: float(self._noise.at(tick)[i])))

    def _hold(self, i: int, began: float, value: float | str) -> float | str:
        held = self._held.get(i)
        if held is None or abs(held[0] - began) > 1e-6:  # noqa: PLR2004 - a repeated interval holds anew
            given = self.faults[i].numbers["value"]
            held = (began, value if math.isnan(given) or isinstance(value, str) else given)
            self._held[i] = held
        return held[1]


def _disturbed(fault: Fault, value: float, since: float, noise: Callable[[], float]) -> float:
    numbers = fault.numbers
    match fault.kind:
        case "spike":
            return value + numbers["size"]
        case "drift":
            return value + numbers["rate"] * since / 60.0
        case "step":
            return value + numbers["by"]
        case "noise":
            return value + numbers["sigma"] * noise()
        case _:
            return min(numbers["high"], max(numbers["low"], value))
