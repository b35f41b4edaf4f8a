"""Tags that accuse each other are a process that changed; a tag that all others accuse is not."""

from __future__ import annotations

from dataclasses import replace

from iiotctl.checks.features.columns import HOUR, MINUTE
from iiotctl.checks.process import without_mutual
from iiotctl.findings import Confidence, Finding, Severity

FLOW = Finding(
    "bias", Severity.LOW, Confidence.LOW, "less", tag="flow", start=10 * HOUR, end=12 * HOUR, evidence={"witnesses": "steam, gas"}
)  # fmt: skip
STEAM = replace(FLOW, tag="steam", start=10 * HOUR + 20 * MINUTE, end=None, evidence={"witnesses": "flow, gas"})


def test_two_that_accuse_each_other_are_one_change_of_the_process() -> None:
    (one,) = without_mutual([FLOW, STEAM])
    assert (one.severity, one.check, one.tag) == (Severity.INFO, "relation-break", None)
    assert one.tags == ("flow", "steam")
    assert (one.start, one.end) == (10 * HOUR, None)
    assert "flow and steam do not go together" in one.message


def test_who_is_accused_alone_stays() -> None:
    assert without_mutual([FLOW]) == [FLOW]
    stranger = replace(STEAM, evidence={"witnesses": "gas"})
    assert without_mutual([FLOW, stranger]) == [FLOW, stranger], "steam does not testify by flow"


def test_what_is_sure_or_begins_at_another_time_stays() -> None:
    sure = replace(STEAM, severity=Severity.MEDIUM)
    assert without_mutual([FLOW, sure]) == [FLOW, sure]
    later = replace(STEAM, start=12 * HOUR)
    assert without_mutual([FLOW, later]) == [FLOW, later]


def test_a_chain_of_three_is_one() -> None:
    gas = replace(FLOW, tag="gas", evidence={"witnesses": "steam"})
    steam = replace(STEAM, evidence={"witnesses": "flow, gas"})
    (one,) = without_mutual([FLOW, gas, steam])
    assert one.tags == ("flow", "gas", "steam")
