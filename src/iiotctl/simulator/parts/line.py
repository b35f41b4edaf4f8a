"""The line's sequence: conveyor states, strokes, parts, rejects, batches, doors and emergency stops."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from iiotctl.simulator.randomness import between, uniform

STROKE_S: Final = 4.0
"""One press stroke, one part."""
RUN_SPEED: Final = 0.25
"""m/s."""
RAMP_S: Final = 6.0
STOP_S: Final = 3.0
_STREAM_RUN, _STREAM_IDLE, _STREAM_REJECT, _STREAM_ESTOP, _STREAM_DOOR = range(10, 15)


class LineState(IntEnum):
    """What the conveyor, and with it the press, is doing."""

    IDLE = 0
    RAMP = 1
    RUN = 2
    STOP = 3
    EMERGENCY_STOP = 4


@dataclass(frozen=True, slots=True)
class Line:
    """State of the sequence.

    Attributes:
        state: what the line is doing.
        remaining: s until the state ends.
        speed: m/s of the conveyor.
        stroke: 0..1, progress of the press stroke.
        run: number of the run; each is one batch.
        parts: parts made since start.
        rejects: parts rejected since start.
        batch_parts: parts made in this batch.
        door_open: the guard door, opened only at standstill.
        emergency_stop: the button is pressed.
    """

    state: LineState = LineState.RAMP
    remaining: float = RAMP_S
    speed: float = 0.0
    stroke: float = 0.0
    run: int = 1
    parts: int = 0
    rejects: int = 0
    batch_parts: int = 0
    door_open: bool = False
    emergency_stop: bool = False

    @property
    def pressing(self) -> bool:
        """True in the working half of the stroke, when oil is drawn and the drive is loaded."""
        return self.state is LineState.RUN and 0.15 <= self.stroke < 0.55  # noqa: PLR2004 - shape of the stroke


def step(line: Line, dt: float, seed: int) -> Line:
    """The line `dt` seconds later."""
    line = _move(line, dt, seed)
    remaining = line.remaining - dt
    if remaining > 0:
        return replace(line, remaining=remaining)
    return _next_state(line, seed)


def _move(line: Line, dt: float, seed: int) -> Line:
    if line.state is LineState.RAMP:
        return replace(line, speed=min(RUN_SPEED, line.speed + RUN_SPEED / RAMP_S * dt))
    if line.state is LineState.RUN:
        stroke = line.stroke + dt / STROKE_S
        if stroke < 1.0:
            return replace(line, stroke=stroke, speed=RUN_SPEED)
        part = line.parts + 1
        reject = uniform(seed, _STREAM_REJECT, part) < 0.02  # noqa: PLR2004 - one part in fifty
        return replace(
            line,
            stroke=stroke - 1.0,
            speed=RUN_SPEED,
            parts=part,
            batch_parts=line.batch_parts + 1,
            rejects=line.rejects + reject,
        )
    braking = 5.0 if line.state is LineState.EMERGENCY_STOP else 1.0
    return replace(line, speed=max(0.0, line.speed - braking * RUN_SPEED / STOP_S * dt), stroke=0.0)


def _next_state(line: Line, seed: int) -> Line:
    match line.state:
        case LineState.RAMP:
            return replace(line, state=LineState.RUN, remaining=between(180.0, 600.0, seed, _STREAM_RUN, line.run))
        case LineState.RUN if uniform(seed, _STREAM_ESTOP, line.run) < 0.05:  # noqa: PLR2004 - one run in twenty
            return replace(line, state=LineState.EMERGENCY_STOP, remaining=30.0, emergency_stop=True)
        case LineState.RUN:
            return replace(line, state=LineState.STOP, remaining=STOP_S)
        case LineState.STOP | LineState.EMERGENCY_STOP:
            return replace(
                line,
                state=LineState.IDLE,
                remaining=between(20.0, 60.0, seed, _STREAM_IDLE, line.run),
                emergency_stop=False,
                door_open=uniform(seed, _STREAM_DOOR, line.run) < 0.5,  # noqa: PLR2004 - every other pause
            )
        case _:
            return replace(
                line, state=LineState.RAMP, remaining=RAMP_S, run=line.run + 1, batch_parts=0, door_open=False
            )
