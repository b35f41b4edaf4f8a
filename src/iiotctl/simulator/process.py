"""The press line as physics: seed and time in, values of every process variable out.

Fixed steps of 100 ms from a fixed start state, so the value at a tick depends on seed and tick alone.
No clock, no socket: `plant.py` runs it at real time; tests and benches compute hours in seconds.

Rough balance to check by hand: the press draws 55 l/min for 1.6 s of each 4 s stroke, the pump gives
42 l/min between 165 and 200 bar; the shaft power that the press does not use heats the oil, the oil
heats the cooling water, the chiller takes it out, and the meter sums what all of them draw.
"""

from __future__ import annotations

import math
from typing import Final

from iiotctl.simulator.parts import cooling, energy, hydraulics, line, motor, oven
from iiotctl.simulator.parts.line import LineState
from iiotctl.simulator.randomness import uniform

TICK_S: Final = 0.1
TICK_US: Final = 100_000

Variable = float | int | bool | str


class Process:
    """The press line at one tick; `advance` moves it on."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        self.tick = -1
        self.line = line.Line()
        self.hydraulics = hydraulics.Hydraulics()
        self.motor = motor.Motor()
        self.cooling = cooling.Cooling()
        self.oven = oven.Oven()
        self.energy = energy.Energy()
        self._phases = [2 * math.pi * uniform(seed, 1, i) for i in range(8)]
        self._step()  # loads and currents are consistent from the first value on

    def _wave(self, which: int, period_s: float) -> float:
        """-1..1: the sum of two incommensurable sines, a slow disturbance."""
        t = self.tick * TICK_S
        first = math.sin(2 * math.pi * t / period_s + self._phases[which])
        return 0.6 * first + 0.4 * math.sin(2 * math.pi * t / (period_s * 0.381966) + self._phases[which + 1])

    @property
    def hall(self) -> float:
        """°C of the hall: a daily wave."""
        return 23.0 + 2.5 * self._wave(0, 86_400.0)

    def advance(self, tick: int) -> None:
        """Step until `tick` (ticks of 100 ms since the start); an earlier tick changes nothing."""
        while self.tick < tick:
            self._step()

    def _step(self) -> None:
        self.tick += 1
        dt, hall = TICK_S, self.hall
        self.line = line.step(self.line, dt, self.seed)
        state = self.line.state
        driving = state in (LineState.RAMP, LineState.RUN, LineState.STOP)
        powered = state is not LineState.EMERGENCY_STOP
        pressing = self.line.pressing
        load = 0.18 * self.line.speed / line.RUN_SPEED + (0.62 if pressing else 0.0)
        self.hydraulics = hydraulics.step(
            self.hydraulics, dt, pressing=pressing, enabled=powered, water=self.cooling.supply, hall=hall
        )
        self.motor = motor.step(self.motor, dt, on=driving, load=load, hall=hall)
        self.cooling = cooling.step(
            self.cooling,
            dt,
            heat=self.hydraulics.heat_to_water + 0.4 * self.motor.loss,
            hall=hall,
            wander=self._wave(2, 900.0),
        )
        self.oven = oven.step(
            self.oven,
            dt,
            setpoints=oven.SETPOINTS,
            parts_per_s=self.line.speed / line.RUN_SPEED / line.STROKE_S,
            enabled=powered,
            hall=hall,
        )
        self.energy = energy.step(
            self.energy,
            dt,
            motors=self.motor.power + self.hydraulics.pump_power / 0.9 + self.cooling.power,
            heaters=self.oven.power,
            grid=self._wave(4, 600.0),
        )

    @property
    def batch(self) -> str:
        """Id of the running batch, e.g. `B001-00003`."""
        return f"B{self.seed % 1000:03d}-{self.line.run:05d}"

    def variables(self) -> dict[str, Variable]:
        """Every process variable in engineering units, without noise."""
        ln, hy, mo, co, ov, en = self.line, self.hydraulics, self.motor, self.cooling, self.oven, self.energy
        good = ln.parts - ln.rejects
        return {
            "hydraulics.pressure": hy.pressure,
            "hydraulics.temperature": hy.temperature,
            "hydraulics.flow": hy.flow,
            "hydraulics.filter_dp": hy.filter_dp,
            "hydraulics.level": hy.level,
            "hydraulics.pump_loaded": hy.pump_loaded,
            "hydraulics.cut_in": hydraulics.CUT_IN,
            "hydraulics.cut_out": hydraulics.CUT_OUT,
            "motor.current": mo.current,
            "motor.speed": mo.speed,
            "motor.winding": mo.winding,
            "motor.vibration": mo.vibration,
            "motor.load": 100.0 * mo.current / motor.RATED_CURRENT,
            "press.stroke": 100.0 * ln.stroke,
            "press.state": int(ln.state),
            "press.hours": 18_244.0 + self.tick * TICK_S / 3600.0,
            "press.recipe": 1200 + ln.run % 7,
            "cooling.flow": co.flow,
            "cooling.supply": co.supply,
            "cooling.return": co.back,
            "cooling.pressure": co.pressure,
            "cooling.chiller_on": co.chiller_on,
            "cooling.pump_on": True,
            "cooling.setpoint": 15.5,
            "cooling.heat": co.heat / 1000.0,
            "cooling.hall": self.hall,
            "cooling.trim": 3.0 * self._wave(2, 900.0),
            "oven.zone1": ov.sensed[0],
            "oven.zone2": ov.sensed[1],
            "oven.zone3": ov.sensed[2],
            "oven.setpoint1": oven.SETPOINTS[0],
            "oven.setpoint2": oven.SETPOINTS[1],
            "oven.setpoint3": oven.SETPOINTS[2],
            "oven.duty1": ov.duty[0],
            "oven.duty2": ov.duty[1],
            "oven.duty3": ov.duty[2],
            "conveyor.speed": ln.speed,
            "conveyor.setpoint": line.RUN_SPEED if ln.state in (LineState.RAMP, LineState.RUN) else 0.0,
            "line.state": int(ln.state),
            "line.parts": ln.parts,
            "line.rejects": ln.rejects,
            "line.batch_parts": ln.batch_parts,
            "line.yield": 100.0 * good / ln.parts if ln.parts else 100.0,
            "line.batch": self.batch,
            "line.door_open": ln.door_open,
            "line.emergency_stop": ln.emergency_stop,
            "line.cycle_time": line.STROKE_S if ln.state is LineState.RUN else 0.0,
            "energy.power": en.power / 1000.0,
            "energy.energy": en.energy / 1000.0,
            "energy.power_factor": en.power_factor,
            "energy.frequency": en.frequency,
            "energy.voltage1": en.voltage[0],
            "energy.voltage2": en.voltage[1],
            "energy.voltage3": en.voltage[2],
            "energy.current1": en.current[0],
            "energy.current2": en.current[1],
            "energy.current3": en.current[2],
        }
