"""A tag that no other tag tells of: why."""

from __future__ import annotations

from types import ModuleType

import pytest

from iiotctl.checks.base import Skipped, Unjudged
from iiotctl.checks.sensors import bias, drift, relation_break
from tests.unit.checks.faketags import tag


@pytest.mark.parametrize("check", [bias, drift, relation_break])
def test_a_text_has_no_relatives_by_nature(check: ModuleType) -> None:
    assert check.judge(tag(text=True), check.Params()) == Skipped("a text")
    verdict = check.judge(tag(), check.Params())
    assert isinstance(verdict, Unjudged)
    assert "no other tag tells" in verdict.reason
