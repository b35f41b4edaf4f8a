"""A labelled week: plants of one family, half of their sensors with one or two faults after two healthy days.

Everything depends on the seed alone. A machine's sensors are made together, then each goes its own way, so that memory
holds one machine whatever the number of tags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from iiotctl.simulator.weeks import faults, loops, units
from iiotctl.simulator.weeks.faults import Label
from iiotctl.simulator.weeks.record import Record, record
from iiotctl.simulator.weeks.sensor import Sensor
from iiotctl.simulator.weeks.series import DAY_S

FAMILIES: Final[dict[str, Callable[[np.random.Generator, int, int], Iterator[Sensor]]]] = {
    "units": units.unit,
    "loops": loops.machine,
}
HEALTHY_DAYS: Final = 2
_FIRST_MONDAY_S: Final = 1_740_960_000
"""2025-03-03T00:00:00Z: every seed begins on a day of its own after it, so that no hour of the day is special."""
_TWO_FAULTS: Final = 0.84


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make.

    Attributes:
        seed: the same seed gives the same rows and labels.
        family: `units` or `loops`.
        tags: how many.
        days: how long; more than two, since the first two are healthy.
        clean: no faults at all.
    """

    seed: int
    family: str = "units"
    tags: int = 50
    days: int = 7
    clean: bool = False

    @property
    def start_s(self) -> int:
        """Unix time of the first row, s."""
        return _FIRST_MONDAY_S + self.seed % 30 * DAY_S


def records(plan: Plan) -> Iterator[tuple[Record, list[Label]]]:
    """The tags one after the other, with what was put into each."""
    deck = _Deck(_rng(plan, 0))
    size = plan.days * DAY_S
    faulty = set() if plan.clean else set(deck.rng.permutation(plan.tags)[: plan.tags // 2].tolist())
    for number, sensor in enumerate(_sensors(plan, size)):
        rng = _rng(plan, 2, number)
        made = record(sensor, rng)
        yield made, _lie(rng, made, deck, size) if number in faulty else []


def _rng(plan: Plan, *stream: int) -> np.random.Generator:
    return np.random.default_rng([plan.seed, list(FAMILIES).index(plan.family), *stream])


def _sensors(plan: Plan, size: int) -> Iterator[Sensor]:
    left, number = plan.tags, 0
    while left:
        for sensor in FAMILIES[plan.family](_rng(plan, 1, number), number, size):
            yield sensor
            left -= 1
            if not left:
                return
        number += 1


class _Deck:
    """Kinds of fault in an order by chance, each as often as the others."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._cards: list[str] = []

    def __iter__(self) -> Iterator[str]:
        """From the top; one that `take` did not take stays where it is."""
        while len(self._cards) < 2 * len(faults.KINDS):
            self._cards += self.rng.permutation(list(faults.KINDS)).tolist()
        return iter(list(self._cards))

    def take(self, card: str) -> None:
        self._cards.remove(card)


def _lie(rng: np.random.Generator, made: Record, deck: _Deck, size: int) -> list[Label]:
    """One fault anywhere after the healthy days, or two, each in its half."""
    first, end = HEALTHY_DAYS * DAY_S + DAY_S // 20, size - DAY_S // 10
    middle = (first + end) // 2
    alone = rng.random() >= _TWO_FAULTS
    labels = []
    for between in [(first, end)] if alone else [(first, middle), (middle + DAY_S // 10, end)]:
        for card in deck:
            label = faults.put(card, rng, made, between, longest=alone)
            if label is not None:
                deck.take(card)
                labels.append(label)
                break
    return labels
