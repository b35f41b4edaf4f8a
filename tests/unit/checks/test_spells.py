"""When spells are one trouble, and when a trouble is over."""

from __future__ import annotations

from iiotctl.checks.spells import episodes
from iiotctl.findings import Severity
from tests.unit.checks.faketags import at, check, says, spell, tag

_CHECK = check(says())


def test_less_than_the_reward_window_of_good_samples_between_is_one_trouble() -> None:
    (found,) = episodes([spell(10, 20), spell(100, 110, statistic=5.0, message="worst")], tag(), _CHECK)
    assert (found.spell.start, found.spell.end, found.count) == (at(10), at(110), 2)
    assert (found.spell.message, found.spell.statistic) == ("worst", 5.0)
    assert found.bad == at(20) - at(0)


def test_two_hours_of_good_samples_make_two() -> None:
    assert len(episodes([spell(10, 20), spell(140, 150)], tag(), _CHECK)) == 2
    assert len(episodes([spell(10, 20), spell(139, 150)], tag(), _CHECK)) == 1


def test_a_stop_proves_nothing() -> None:
    assert len(episodes([spell(10, 20), spell(400, 410)], tag(without=slice(25, 395)), _CHECK)) == 1


def test_different_things_stay_apart() -> None:
    many = [
        spell(10, 20),
        spell(30, 40, statistic=-2.0),
        spell(50, 60, key="high"),
        spell(70, 80, tags=("PT2",)),
    ]
    assert len(episodes(many, tag(), _CHECK)) == 4


def test_it_lasts_until_the_reward_window_is_over() -> None:
    (lasting,) = episodes([spell(800, 890)], tag(), _CHECK)
    assert lasting.spell.end is None
    assert lasting.until == at(890)
    (over,) = episodes([spell(800, 880)], tag(), _CHECK)
    assert over.spell.end == at(880)


def test_the_worst_severity_speaks() -> None:
    mixed = [spell(10, 20, severity=Severity.HIGH, statistic=1.5, message="sure"), spell(30, 40, statistic=9.0)]
    (found,) = episodes(mixed, tag(), _CHECK)
    assert found.spell.message == "sure"


def test_overlapping_spells_are_one() -> None:
    (found,) = episodes([spell(10, 500), spell(20, 30)], tag(), _CHECK)
    assert found.spell.end == at(500)
