"""The ring where clocks differ or step, memory is short, or a trigger cannot work."""

from __future__ import annotations

import numpy as np

from iiotctl.capture.keeping import Keeping, KeptTag
from iiotctl.events import Event
from iiotctl.kept import Kept
from iiotctl.samples import SampleBatch
from iiotctl.site.ring import RingSettings

S = 1_000_000
NOON = 1_795_435_200 * S


class Stage:
    """A ring with tag `a` of our clock and tag `b` of a server; a sample a second of each."""

    def __init__(self, *triggers: str, **more: object) -> None:
        numbers = iter(range(1_000))
        wanted = {"keep": "10min", "before": "10s", "after": "5s", "triggers": list(triggers), **more}
        self.events: list[Event] = []
        self.keeping = Keeping(
            RingSettings.model_validate(wanted), lambda: f"k{next(numbers)}", NOON, self.events.append
        )
        self.keeping.define(
            [KeptTag(0, "a", "here", on_change=False), KeptTag(1, "b", "there", on_change=False, stamped_here=False)]
        )
        self.stored: list[tuple[int, int]] = []
        self.rows: dict[str, Kept] = {}

    def second(self, steady: int, now: int, *, device: int | None = None, a: float = 0) -> None:
        """One second of the run: `now` is shown by our clock, `device` by the server's, both µs UTC."""
        batch = SampleBatch(
            np.array([0, 1], np.uint32),
            np.array([now, now if device is None else device]),
            np.array([a, 0.0]),
            np.zeros(2, np.uint32),
        )
        self.keeping.watch(batch, now, steady)
        self._take(self.keeping.sift(batch, now, steady))
        while self.keeping.is_waiting:
            self._take(self.keeping.pull())
        self.keeping.tick(now, steady)
        self.rows |= {row.id: row for row in self.keeping.rows(now)}

    def _take(self, batch: SampleBatch) -> None:
        self.stored += zip(batch.tag.tolist(), batch.ts.tolist(), strict=True)

    def seconds_of(self, code: int) -> list[int]:
        assert len(set(self.stored)) == len(self.stored)
        return sorted((ts - NOON) // S for tag, ts in self.stored if tag == code)


def test_a_ring_that_is_shorter_than_what_is_usually_stored_before_says_so() -> None:
    settings = RingSettings.model_validate({"keep": "2s", "triggers": ["a rises"]})
    events: list[Event] = []
    Keeping(settings, lambda: "k", NOON, events.append)
    assert [event.text for event in events] == [
        "2s are stored before a trigger, not 10min: the ring reaches no further back"
    ]
    assert Stage("a rises").events == []


def test_a_server_whose_clock_is_an_hour_behind_is_asked_in_its_own_time() -> None:
    stage = Stage("a rises")
    stage.keeping.set_clock("there", -3600.0)
    for second in range(60):
        now = NOON + second * S
        stage.second(second * S, now, device=now - 3600 * S, a=float(second == 30))
    assert stage.seconds_of(0) == list(range(20, 36))
    assert stage.seconds_of(1) == [second - 3600 for second in range(20, 36)]
    spans = {row.source: ((row.start - NOON) // S, ((row.end or 0) - NOON) // S) for row in stage.rows.values()}
    assert spans == {"here": (20, 35), "there": (20 - 3600, 35 - 3600)}


def test_a_window_that_reaches_behind_a_step_of_our_clock_holds_both_times() -> None:
    """Our clock goes back by an hour at second 30; the trigger fires four seconds later."""
    stage = Stage("a rises")
    for second in range(60):
        if second == 30:
            stage.keeping.stepped(-3600 * S, NOON + 30 * S - 3600 * S)
        now = NOON + second * S - (3600 * S if second >= 30 else 0)
        stage.second(second * S, now, device=NOON + second * S, a=float(second == 34))
    assert stage.seconds_of(0) == [*(second - 3600 for second in range(30, 40)), *range(24, 30)]


def test_a_window_that_is_open_when_our_clock_steps_goes_on_for_the_rest_of_its_time() -> None:
    stage = Stage("a rises")
    for second in range(60):
        if second == 32:
            stage.keeping.stepped(3600 * S, NOON + 32 * S + 3600 * S)
        now = NOON + second * S + (3600 * S if second >= 32 else 0)
        stage.second(second * S, now, a=float(second == 30))
    assert stage.seconds_of(0) == [*range(20, 32), *(second + 3600 for second in range(32, 36))]


def test_too_little_memory_is_said_at_once_and_kept_to() -> None:
    stage = Stage("a rises", keep="30min", memory="1MB")
    rng = np.random.default_rng(1)
    stage.keeping.define(KeptTag(code, f"t{code}", "here", on_change=False) for code in range(2, 2002))
    codes = np.arange(2, 2002, dtype=np.uint32)
    for second in range(400):
        now = NOON + second * S
        noisy = SampleBatch(codes, np.full(2000, now), rng.normal(size=2000), np.zeros(2000, np.uint32))
        stage.keeping.sift(noisy, now, second * S)
        stage.keeping.tick(now, second * S)
    (told,) = [event for event in stage.events if event.slug == "ring-short"]
    assert told.at < NOON + 40 * S
    assert told.text.startswith("the ring holds ")
    assert "of the 30min asked" in told.text
    figures = stage.keeping.figures(399 * S)
    assert figures.bytes <= 1_100_000
    assert figures.reach_s is not None
    assert abs(figures.reach_s - figures.held_s) < 0.3 * figures.held_s, "what was foretold came true"


def test_a_trigger_on_text_says_that_it_never_fires() -> None:
    stage = Stage("b changes")
    batch = SampleBatch(
        np.array([1], np.uint32), np.array([NOON]), np.array([np.nan]), np.zeros(1, np.uint32), text=["hello"]
    )
    for second in range(3):
        stage.keeping.watch(batch, NOON, second * S)
        stage.keeping.tick(NOON, second * S)
    assert [(event.slug, event.tag) for event in stage.events] == [("trigger-text", "b")]
