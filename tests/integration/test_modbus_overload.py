"""A device that is slower than its period, against libmodbus: what falls out is told from sample to sample."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from iiotctl.samples import GapReason
from iiotctl.sources.modbus.source import ModbusSource
from tests.integration.modbus_harness import Running, config, context, tags
from tests.integration.modbus_server import ModbusServer

pytestmark = pytest.mark.integration

PERIOD_S = 0.3
SCATTERED = [f"holding:{10 * n}" for n in range(6)]


@pytest.mark.parametrize(
    ("delay_ms", "manners"), [(60, {}), (1, {"delay": "60ms"}), (1, {"max_rate": 17})], ids=["device", "delay", "rate"]
)
def test_scans_that_fall_out_are_gaps_and_the_reason_is_told_once(delay_ms: int, manners: dict[str, object]) -> None:
    """Six requests of 60 ms in 300 ms: every interval is about 1.2 periods long."""
    with ModbusServer() as server:
        server.tell(f"delay 1 {delay_ms}")
        source = ModbusSource("s", config(server.port, period=f"{PERIOD_S}s", **manners), tags(SCATTERED), context())

        async def main() -> None:
            async with Running(source) as sink:
                await asyncio.sleep(5)
            assert sink.failures == []
            for code in range(6):
                rows = [(start, end) for codes, _, start, end in sink.losses if codes is None or code in codes]
                times = [ts for tag, ts, _, _ in sink.rows() if tag == code]
                rows = [(start, end) for start, end in rows if start < times[-1]]  # the end cuts a scan off
                assert set(rows) <= {(old + 1, new - 1) for old, new in itertools.pairwise(times)}
                missing = round((times[-1] - times[0]) / 1e6 / PERIOD_S) - (len(times) - 1)
                told = sum(max(1, round((end - start) / 1e6 / PERIOD_S) - 1) for start, end in rows)
                assert missing >= 1
                assert abs(told - missing) <= 2
            assert {reason for _, reason, _, _ in sink.losses} == {GapReason.OVERFLOW}
            (said,) = sink.said("cycle-too-long")
            assert "longer than the period of 0.3 s" in said
            assert "`max_gap`" in said

        asyncio.run(main())


def test_a_device_that_keeps_up_has_no_gaps() -> None:
    with ModbusServer() as server:
        server.tell("delay 1 20")
        source = ModbusSource("s", config(server.port, period=f"{PERIOD_S}s"), tags(SCATTERED[:3]), context())

        async def main() -> None:
            async with Running(source) as sink:
                await asyncio.sleep(3)
            assert sink.said("cycle-too-long") == []
            times = sink.times(0)
            # this machine may stall, which is a hole like any other
            assert len(sink.losses) <= 3 * sum(b - a > 1.1 * PERIOD_S for a, b in itertools.pairwise(times.tolist()))

        asyncio.run(main())


def test_a_unit_that_is_never_asked_in_the_whole_run_is_a_gap_that_says_why() -> None:
    """One request in ten seconds: the second unit does not get its turn."""
    with ModbusServer(units=2) as server:
        shared = context()
        slow: dict[str, object] = {"period": "100ms", "max_rate": 0.1}
        sources = [
            ModbusSource(f"u{unit}", config(server.port, unit=unit, **slow), tags(["holding:0"], first=unit), shared)
            for unit in (1, 2)
        ]

        async def main() -> Running:
            running = Running(*sources)
            async with running:
                await asyncio.sleep(2.5)
            return running

        asked, unasked = asyncio.run(main()).sinks
    assert len(asked.batches) == 1
    assert [reason for _, reason, _ in asked.failures] + [reason for _, reason, _, _ in asked.losses] == [
        GapReason.OVERFLOW
    ]
    assert [(codes, reason) for codes, reason, _ in unasked.failures] == [(None, GapReason.OVERFLOW)]
    (said,) = unasked.said("source-down")
    assert "the link is too slow for its plan" in said
