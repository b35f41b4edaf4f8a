"""The page of features names a test for each tick; the test must exist."""

from __future__ import annotations

import re

import pytest

from tests.architecture.code import ROOT

ROWS = re.findall(r"(?m)^\| (.+?) \| ✔ \| `(.+?)` \|$", (ROOT / "docs/explanation/features.md").read_text("utf-8"))


def test_the_table_is_read() -> None:
    assert len(ROWS) > 30


@pytest.mark.parametrize(("feature", "shown_by"), ROWS)
def test_a_tick_has_its_test(feature: str, shown_by: str) -> None:
    path, _, name = shown_by.partition("::")
    text = (ROOT / path).read_text("utf-8")
    assert re.search(rf"(?m)^def {name or 'test_'}", text), f"{feature}: {shown_by}"
