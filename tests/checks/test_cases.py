"""Every case folder: the check says of it what `expect.toml` says; see README.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pytest

from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.findings import Severity
from tests.checks.case import START, Case, cases, checks, run
from tests.checks.recipe import SECOND, us

_CASES = cases()


@cache
def _checks() -> dict[str, Check]:
    return checks()


@pytest.mark.parametrize("case", _CASES, ids=[f"{case.check}/{case.name}" for case in _CASES])
def test_case(case: Case) -> None:
    if case.check not in _checks():
        pytest.fail(f"no check is called {case.check}")
    check = _checks()[case.check]
    verdicts = run(case, check)
    for tag in case.recipe["tags"]:
        told = _told(case, tag)
        verdict = verdicts[tag]
        if "skipped" in told or "unjudged" in told:
            kind, reason = (Skipped, told["skipped"]) if "skipped" in told else (Unjudged, told["unjudged"])
            assert isinstance(verdict, kind), f"{tag}: {_shown(verdict)}"
            assert re.search(reason, verdict.reason), f"{tag}: {verdict.reason}"
        else:
            assert isinstance(verdict, Judged), f"{tag}: {_shown(verdict)}"
            _compare(check, tag, verdict, told)


def _told(case: Case, tag: str) -> Mapping[str, Any]:
    """What is expected of one tag: what names it, or names none and is about the first."""
    own = {name: text for name, text in case.expect.items() if name in ("skipped", "unjudged") and tag == case.tag}
    return {
        **own,
        **case.expect.get("tags", {}).get(tag, {}),
        "fires": [each for each in case.expect.get("fires", ()) if each.get("tag", case.tag) == tag],
        "quiet": case.expect.get("quiet", "nothing"),
    }


def _compare(check: Check, tag: str, verdict: Judged, told: Mapping[str, Any]) -> None:
    left = list(verdict.spells)
    for each in told["fires"]:
        hit = next((spell for spell in left if _is(check, spell, each)), None)
        assert hit is not None, f"{tag}: nothing fires as {each}; {_shown(verdict)}"
        left.remove(hit)
        if "message" in each:
            assert re.search(each["message"], hit.message), hit.message
    level = told["quiet"]
    loud = (
        left if level == "nothing" else [s for s in left if (s.severity or check.severity).rank < Severity(level).rank]
    )
    assert not loud, f"{tag}: fires without need; {_shown(verdict)}"


def _is(check: Check, spell: Spell, told: Mapping[str, Any]) -> bool:
    within = us(told.get("within", "30min"))
    start = abs(spell.start - START - us(told["start"])) <= within
    if told.get("end") == "open":
        end = spell.end is None
    else:
        end = "end" not in told or (spell.end is not None and abs(spell.end - START - us(told["end"])) <= within)
    severity = spell.severity or check.severity
    return (
        start
        and end
        and (
            severity == told["severity"]
            if "severity" in told
            else severity.reaches(Severity(told.get("reaches", "low")))
        )
        and ("key" not in told or spell.key == told["key"])
        and ("ne107" not in told or (spell.ne107 or check.ne107) == told["ne107"])
        and ("tags" not in told or sorted(spell.tags) == sorted(told["tags"]))
    )


def _shown(verdict: Verdict) -> str:
    if not isinstance(verdict, Judged):
        return repr(verdict)
    return f"{len(verdict.spells)} spells: " + _spells(verdict.spells)


def _spells(spells: Sequence[Spell]) -> str:
    def since(at: int | None) -> str:
        return "open" if at is None else f"{(at - START) / SECOND / 3600:.2f} h"

    return "; ".join(
        f"[{since(s.start)} … {since(s.end)} {s.severity} {s.key} {s.statistic:.4g}/{s.limit:.4g}: {s.message}]"
        for s in spells[:10]
    )
