"""Which messages are acknowledged when, and which are forgotten; and numbers that wrap."""

from __future__ import annotations

import pytest

from iiotctl.sources.opcua.receipts import MOST, Receipts
from iiotctl.sources.opcua.sequence import WRAP, distance, following, is_after, oldest, preceding


def test_only_what_is_durable_is_acknowledged_and_once() -> None:
    receipts = Receipts()
    first, second = receipts.received(1), receipts.received(2)
    assert receipts.take() == []
    second()
    assert receipts.take() == [2]
    first()
    assert receipts.take() == [1]
    assert receipts.take() == []
    first()
    assert receipts.take() == [], "told twice, acknowledged once"


def test_what_the_server_no_longer_has_is_forgotten() -> None:
    receipts = Receipts()
    commits = [receipts.received(number) for number in range(1, 11)]
    receipts.held([8, 9, 10])
    assert receipts.unacknowledged == 3
    assert (receipts.retained, receipts.overrun) == (3, 7)
    for commit in commits:
        commit()
    assert receipts.take() == [8, 9, 10]


def test_a_server_that_tells_nothing_changes_nothing() -> None:
    receipts = Receipts()
    receipts.received(1)()
    receipts.held([])
    assert receipts.take() == [1]


def test_slow_commits_do_not_fill_the_memory() -> None:
    receipts = Receipts()
    for number in range(1, 3 * MOST):
        receipts.received(number)
    assert receipts.unacknowledged == MOST


def test_an_acknowledgement_that_got_lost_is_sent_again_but_none_before_its_commit() -> None:
    receipts = Receipts()
    pending = receipts.received(2)
    receipts.again([1, 2])
    assert receipts.take() == [1]
    pending()
    assert receipts.take() == [2]


def test_around_the_wrap() -> None:
    receipts = Receipts()
    for number in (WRAP - 1, WRAP, 1, 2):
        receipts.received(number)()
    receipts.held([1, 2, WRAP])
    assert receipts.take() == [WRAP, 1, 2]


@pytest.mark.parametrize("number", [1, 2, 77, WRAP - 1, WRAP])
def test_numbers(number: int) -> None:
    assert preceding(following(number)) == number
    assert distance(number, following(number)) == 1
    assert is_after(following(number), number)
    assert not is_after(number, following(number))
    assert not is_after(number, number)
    assert oldest([following(following(number)), number, following(number)]) == number
