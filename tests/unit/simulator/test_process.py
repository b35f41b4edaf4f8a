"""The press line behaves like one: within bounds, balanced, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from iiotctl.simulator.parts import cooling, energy, hydraulics, line, motor, oven
from iiotctl.simulator.parts.line import LineState
from iiotctl.simulator.process import Process
from iiotctl.simulator.randomness import Noise, between, uniform

HOUR = 36_000


def _history(seed: int, ticks: int, every: int = 10) -> list[dict]:
    process = Process(seed)
    rows = []
    for tick in range(0, ticks, every):
        process.advance(tick)
        rows.append(process.variables())
    return rows


@pytest.fixture(scope="module")
def hour() -> list[dict]:
    return _history(1, HOUR)


def test_the_same_seed_gives_the_same_plant_and_another_seed_another() -> None:
    assert _history(5, 8000) == _history(5, 8000)
    assert _history(5, 8000) != _history(6, 8000)


def test_a_tick_does_not_depend_on_how_it_was_reached() -> None:
    straight, halting = Process(3), Process(3)
    straight.advance(5000)
    for tick in range(0, 5001, 7):
        halting.advance(tick)
    halting.advance(5000)
    halting.advance(10)  # going back changes nothing
    assert straight.variables() == halting.variables()


@pytest.mark.parametrize(
    ("variable", "low", "high"),
    [
        ("hydraulics.pressure", 140, 215),
        ("hydraulics.temperature", 40, 60),
        ("hydraulics.flow", 0, 60),
        ("hydraulics.filter_dp", 0.2, 2.5),
        ("motor.current", 0, 110),
        ("motor.speed", 0, 1500),
        ("motor.winding", 35, 110),
        ("motor.vibration", 0, 4.5),
        ("cooling.flow", 50, 65),
        ("cooling.supply", 13, 18),
        ("cooling.return", 13, 25),
        ("oven.zone1", 165, 195),
        ("oven.zone2", 185, 215),
        ("oven.zone3", 175, 205),
        ("conveyor.speed", 0, 0.251),
        ("energy.power", 5, 120),
        ("energy.frequency", 49.9, 50.1),
        ("energy.voltage1", 207, 253),
        ("energy.power_factor", 0.5, 1),
    ],
)
def test_an_hour_stays_in_bounds(hour: list[dict], variable: str, low: float, high: float) -> None:
    values = [row[variable] for row in hour]
    assert low <= min(values) <= max(values) <= high


def test_the_line_runs_through_its_states(hour: list[dict]) -> None:
    seen = {LineState(row["line.state"]) for row in hour}
    assert {LineState.IDLE, LineState.RAMP, LineState.RUN, LineState.STOP} <= seen
    standing = [row for row in hour if row["line.state"] == LineState.IDLE]
    assert standing
    assert any(row["line.door_open"] for row in standing)
    assert not any(row["line.door_open"] for row in hour if row["conveyor.speed"] > 0.01)


def test_an_emergency_stop_comes_stops_at_once_and_goes() -> None:
    state, seen = line.Line(), []
    for _ in range(40 * HOUR // 5):
        state = line.step(state, 0.5, seed=1)
        seen.append(state)
    stopped = [i for i, one in enumerate(seen) if one.emergency_stop]
    assert stopped
    assert all(seen[i].state is LineState.EMERGENCY_STOP for i in stopped)
    assert seen[stopped[0] + 3].speed == 0.0
    assert len({seen[i].run for i in stopped}) < seen[-1].run / 5


@pytest.mark.parametrize("variable", ["line.parts", "line.rejects", "energy.energy", "press.hours"])
def test_counters_only_rise(hour: list[dict], variable: str) -> None:
    values = np.array([row[variable] for row in hour], float)
    assert (np.diff(values) >= 0).all()
    assert values[-1] > values[0]


def test_parts_are_made_at_the_pace_of_the_press(hour: list[dict]) -> None:
    running = sum(row["line.state"] == LineState.RUN for row in hour)  # one row a second
    assert hour[-1]["line.parts"] == pytest.approx(running / 4, rel=0.05)
    assert 0 < hour[-1]["line.rejects"] < 0.08 * hour[-1]["line.parts"]


def test_the_meter_counts_what_it_shows(hour: list[dict]) -> None:
    counted = hour[-1]["energy.energy"] - hour[0]["energy.energy"]
    assert counted == pytest.approx(np.mean([row["energy.power"] for row in hour]) * len(hour) / 3600, rel=0.02)


def test_energy_in_is_at_least_the_heat_taken_out(hour: list[dict]) -> None:
    for row in hour[::300]:
        phases = sum(row[f"energy.voltage{i}"] * row[f"energy.current{i}"] for i in (1, 2, 3))
        assert phases * row["energy.power_factor"] / 1000 == pytest.approx(row["energy.power"], rel=0.01)
    mean = {name: np.mean([row[name] for row in hour]) for name in ("energy.power", "cooling.heat")}
    assert 0 < mean["cooling.heat"] < mean["energy.power"]
    assert np.mean([row["cooling.return"] - row["cooling.supply"] for row in hour]) > 0


def test_the_pump_loads_between_its_two_pressures(hour: list[dict]) -> None:
    pressures = [row["hydraulics.pressure"] for row in hour]
    assert min(pressures) < hydraulics.CUT_IN + 2
    assert max(pressures) > hydraulics.CUT_OUT - 2
    assert {row["hydraulics.pump_loaded"] for row in hour} == {True, False}


def test_oil_cools_into_the_water_and_warms_under_the_pump() -> None:
    hot = hydraulics.Hydraulics(temperature=70.0, pressure=190.0)
    resting = hydraulics.step(hot, 1.0, pressing=False, enabled=False, water=15.0, hall=23.0)
    assert resting.temperature < hot.temperature
    assert resting.heat_to_water > 0
    pumping = hydraulics.step(
        hydraulics.Hydraulics(temperature=30.0, pressure=100.0),
        1.0,
        pressing=False,
        enabled=True,
        water=29.0,
        hall=29.0,
    )
    assert pumping.temperature > 30.0
    assert pumping.pressure > 100.0


def test_the_winding_warms_slowly_and_cools_slower() -> None:
    state = motor.Motor(winding=40.0)
    for _ in range(600):
        state = motor.step(state, 0.1, on=True, load=0.9, hall=23.0)
    after_a_minute = state.winding
    assert 41.0 < after_a_minute < 70.0
    for _ in range(600):
        state = motor.step(state, 0.1, on=False, load=0.0, hall=23.0)
    assert 23.0 < state.winding < after_a_minute + 1.0
    assert state.speed < 10.0
    assert state.current == pytest.approx(0.0, abs=1e-3)


def test_more_heat_widens_the_spread_of_the_cooling_loop() -> None:
    little, much = cooling.Cooling(), cooling.Cooling()
    for _ in range(600):
        little = cooling.step(little, 0.1, heat=1000.0, hall=23.0, wander=0.0)
        much = cooling.step(much, 0.1, heat=9000.0, hall=23.0, wander=0.0)
    assert much.back - much.supply > little.back - little.supply > 0


def test_the_oven_reaches_its_setpoints_and_holds_them() -> None:
    state = oven.Oven(zone=(25.0,) * 3, sensed=(25.0,) * 3, integral=(0.0,) * 3)
    highest = 0.0
    for _ in range(3 * HOUR):
        state = oven.step(state, 0.1, setpoints=oven.SETPOINTS, parts_per_s=0.0, enabled=True, hall=23.0)
        highest = max(highest, state.sensed[0])
    for sensed, setpoint in zip(state.sensed, oven.SETPOINTS, strict=True):
        assert sensed == pytest.approx(setpoint, abs=1.5)
    assert highest < oven.SETPOINTS[0] + 30  # the integral part does not wind up while the heater is at its stop


def test_load_lowers_the_voltage() -> None:
    idle = energy.step(energy.Energy(), 0.1, motors=1000.0, heaters=0.0, grid=0.0)
    busy = energy.step(energy.Energy(), 0.1, motors=30_000.0, heaters=20_000.0, grid=0.0)
    assert busy.voltage[0] < idle.voltage[0]
    assert busy.current[0] > idle.current[0]


def test_noise_is_normal_reproducible_and_independent_of_order() -> None:
    noise = Noise(7, 5)
    table = noise.table(np.arange(20_000, dtype=np.uint64))
    assert abs(table.mean()) < 0.02
    assert table.std() == pytest.approx(1.0, abs=0.02)
    assert abs(np.corrcoef(table.T)[0, 1]) < 0.03
    assert (noise.at(1234) == table[1234]).all()
    assert (Noise(8, 5).at(1234) != table[1234]).all()


def test_uniform_numbers_fill_their_range() -> None:
    numbers = [uniform(1, 2, i) for i in range(5000)]
    assert 0 <= min(numbers) < 0.01
    assert 0.99 < max(numbers) < 1
    assert all(3 <= between(3, 5, 1, 2, i) < 5 for i in range(100))
