"""Deadlines stay on their grid; late ones are skipped and counted, never queued up."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from iiotctl.sources.ticker import Ticker, next_tick


class Clock:
    """A clock that only sleeping moves; it may oversleep or wake early."""

    def __init__(self, jitter: float = 0.0) -> None:
        self.now = 1000.0
        self.jitter = jitter
        self.sleeps = 0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.sleeps += 1
        self.now += seconds + self.jitter


def test_first_tick_comes_at_once_and_the_rest_on_the_grid() -> None:
    clock = Clock()
    ticker = Ticker(0.1, monotonic=clock, sleep=clock.sleep)

    async def scan() -> list[float]:
        return [(await ticker.next()).deadline for _ in range(5)]

    assert asyncio.run(scan()) == [1000.0 + k * 0.1 for k in range(5)]
    assert (ticker.skipped, ticker.late) == (0, 0)


def test_oversleeping_does_not_accumulate() -> None:
    clock = Clock(jitter=0.003)
    ticker = Ticker(0.1, monotonic=clock, sleep=clock.sleep)

    async def scan() -> float:
        for _ in range(1000):
            tick = await ticker.next()
        return tick.deadline

    assert asyncio.run(scan()) == 1000.0 + 999 * 0.1
    assert clock.now < 1000.0 + 999 * 0.1 + 0.01
    assert ticker.skipped == 0


def test_an_overrun_serves_the_latest_passed_deadline_and_counts_the_others() -> None:
    clock = Clock()
    ticker = Ticker(1.0, monotonic=clock, sleep=clock.sleep)

    async def scan() -> tuple[int, int, int, int]:
        first = await ticker.next()
        clock.now += 3.4
        late = await ticker.next()
        after = await ticker.next()
        return first.index, late.index, late.skipped, after.index

    assert asyncio.run(scan()) == (0, 3, 2, 4)
    assert (ticker.skipped, ticker.late) == (2, 1)


def test_a_shared_start_puts_tickers_in_phase_after_a_prompt_first_tick() -> None:
    clock = Clock()
    clock.now = 1000.35
    ticker = Ticker(0.1, monotonic=clock, sleep=clock.sleep, start=1000.0)

    async def scan() -> list[float]:
        return [(await ticker.next()).deadline for _ in range(3)]

    first, second, third = asyncio.run(scan())
    assert first == 1000.0 + 3 * 0.1
    assert (second, third) == (1000.0 + 4 * 0.1, 1000.0 + 5 * 0.1)
    assert (ticker.skipped, ticker.late) == (0, 0)


def test_waking_early_waits_for_the_rest() -> None:
    clock = Clock(jitter=-0.01)
    ticker = Ticker(1.0, monotonic=clock, sleep=clock.sleep)

    async def scan() -> None:
        await ticker.next()
        clock.jitter = -0.01
        sleeping = clock.sleep

        async def shorter(seconds: float) -> None:
            clock.jitter = -seconds / 2 if seconds > 0.001 else 0.0
            await sleeping(seconds)

        ticker._sleep = shorter
        await ticker.next()

    asyncio.run(scan())
    assert clock.now >= 1001.0


@given(
    period=st.floats(0.01, 100),
    start=st.floats(0, 1e6),
    last=st.integers(-1, 10_000),
    ahead=st.floats(0, 50),
)
def test_a_tick_is_the_newest_due_or_else_the_next(period: float, start: float, last: int, ahead: float) -> None:
    now = start + max(last, 0) * period + ahead * period
    tick = next_tick(start, period, last, now)
    assert tick.index > last
    assert tick.skipped == tick.index - last - 1
    assert tick.deadline == start + tick.index * period
    if tick.deadline > now:
        assert tick.index == last + 1
        assert tick.lag == 0
    else:
        assert start + (tick.index + 1) * period > now
