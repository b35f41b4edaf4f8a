"""`explain`: ids, with and without their brackets, and what is near them."""

from __future__ import annotations

import pytest

from iiotctl.errors import UsageError
from iiotctl.ops.explain import CLASS_CODES, TOPICS, catalogue, explain, gap_reasons
from iiotctl.samples import GapReason


@pytest.mark.parametrize("word", ["bug", "error[bug]", "error[bug]:", " BUG "])
def test_id_as_it_stands_in_the_terminal(word: str) -> None:
    assert explain(word).id == "bug"
    assert explain(word).exit_code == 70


def test_near_ids_are_offered() -> None:
    with pytest.raises(UsageError) as caught:
        explain("unknown-optin")
    assert "`iiotctl explain unknown-option`" in str(caught.value.hint)


def test_exit_code_follows_from_the_class() -> None:
    for entry in catalogue().values():
        assert entry.exit_code == CLASS_CODES[entry.kind]


def test_every_reason_of_a_gap_is_explained() -> None:
    assert set(gap_reasons()) == set(GapReason)
    assert explain("overflow").kind == "gap"
    assert explain("overflow").exit_code is None


def test_ids_mean_one_thing() -> None:
    assert set(gap_reasons()) & set(catalogue()) == {"disk-full"}
    assert not set(TOPICS) & (set(gap_reasons()) | set(catalogue()))


def test_topics_are_offered_too() -> None:
    with pytest.raises(UsageError) as caught:
        explain("profile")
    assert "`iiotctl explain profiles`" in str(caught.value.hint)
