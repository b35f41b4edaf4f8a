"""The plant as a whole: the same seed and faults give the same values; it runs in a thread; stalls are survived."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from iiotctl.errors import SourceError
from iiotctl.simulator.background import BackgroundPlant
from iiotctl.simulator.faults import FaultBank, parse_fault
from iiotctl.simulator.image import Measuring, UnitImage, serve_modbus, serve_opcua
from iiotctl.simulator.plant import Plant
from iiotctl.simulator.tags import TAGS
from iiotctl.simulator.truth import TruthLog

FAULTS = [
    "press1.hydraulics.pressure:flat-line:start=20s,for=10s",
    "press1.motor.vibration:noise:sigma=0.5,start=5s",
    "line1.oven.zone2.temperature:drift:rate=6",
]


def _served(seed: int, ticks: int) -> list[Any]:
    measuring = Measuring(seed, FaultBank([parse_fault(text) for text in FAULTS], seed))
    rows = []
    for tick in range(ticks):
        measured = measuring.measure(tick)
        rows.append([
            serve_modbus(tag, one) if tag.address else serve_opcua(tag, one)
            for tag, one in zip(TAGS, measured, strict=True)
        ])  # fmt: skip
    return rows


def test_everything_served_is_determined_by_the_seed() -> None:
    assert _served(11, 400) == _served(11, 400)
    assert _served(11, 50) != _served(12, 50)


def test_noise_has_the_strength_of_the_transmitter() -> None:
    tag = next(tag for tag in TAGS if tag.name == "meter1.voltage_l1")
    place = TAGS.index(tag)
    measuring = Measuring(1, FaultBank([]))
    differences = []
    for tick in range(600):
        measured = measuring.measure(tick)[place].value
        assert isinstance(measured, float)
        differences.append(measured - float(measuring.process.variables()[tag.variable]))
    spread = (sum(d * d for d in differences) / len(differences)) ** 0.5
    assert spread == pytest.approx(tag.noise, rel=0.15)


def test_unit_image_keeps_to_what_is_declared() -> None:
    from iiotctl.site.address import Table

    strict = UnitImage("meter1", 3, strict=True)
    strict.update(Measuring(1, FaultBank([])).measure(0))
    assert strict.read(Table.HOLDING, 100, 2) is not None
    assert strict.read(Table.HOLDING, 124, 6) is None
    assert strict.read(Table.HOLDING, 131, 2) is None
    loose = UnitImage("press1", 1, strict=False)
    loose.update(Measuring(1, FaultBank([])).measure(0))
    assert loose.read(Table.HOLDING, 6, 4) == [0, 0, 0, 0]
    assert loose.read(Table.COIL, 0, 1) is None
    assert set(loose.values(Table.HOLDING, 10, 3)) == {"press1.motor.current"}  # half of the speed is not the speed


def test_a_stall_of_the_machine_is_made_up_for() -> None:
    shift = [0.0]
    truth = TruthLog(keep=True)

    async def main() -> int:
        plant = Plant(opcua_port=None, truth=truth, monotonic=lambda: time.monotonic() + shift[0])
        async with plant:
            shift[0] = 3600.0  # a laptop that slept
            for _ in range(400):
                await asyncio.sleep(0.05)
                if plant._tick > 36_000:
                    return plant._measuring.process.tick
        return 0

    assert asyncio.run(main()) > 36_000


def test_in_a_thread() -> None:
    with BackgroundPlant(Plant(opcua_port=None)) as plant:
        port = plant.modbus_port
        assert port
        with pytest.raises(SourceError), BackgroundPlant(Plant(opcua_port=None, modbus_port=port)):
            pass
    with BackgroundPlant(Plant(opcua_port=None, modbus_port=port)):
        pass  # the port is free again
