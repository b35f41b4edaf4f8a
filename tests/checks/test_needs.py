"""A run computes only the columns that its checks say they need: no check may look at others."""

from __future__ import annotations

from typing import Any

import pytest

from iiotctl.checks.features import compute
from iiotctl.checks.features.columns import BASIC, COLUMNS, Features
from tests.checks import case as harness
from tests.checks.case import Case, cases, checks

_CHECKS = checks()
_FIRST = {case.check: case for case in sorted(cases(), key=lambda one: "fires" not in one.expect)[::-1]}


@pytest.mark.parametrize("case", _FIRST.values(), ids=lambda case: case.check)
def test_a_check_says_which_columns_it_needs(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    if case.check not in _CHECKS:
        pytest.skip("its check is not there yet")
    check = _CHECKS[case.check]
    whole = harness.run(case, check)
    needed = BASIC | check.needs

    def table_of(*args: Any, **named: Any) -> Features:
        table = compute.table_of(*args, **named)
        return Features(table.window, table.start, {name: of for name, of in table.columns.items() if name in needed})

    monkeypatch.setattr(harness, "table_of", table_of)
    assert repr(harness.run(case, check)) == repr(whole)


@pytest.mark.parametrize("check", _CHECKS.values(), ids=lambda check: check.id)
def test_what_a_check_needs_is_there(check: Any) -> None:
    assert check.needs <= COLUMNS.keys() | {"anchors", "relations"}
