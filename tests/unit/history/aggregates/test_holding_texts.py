"""Which tags are of texts, whatever is asked of them."""

from __future__ import annotations

from pathlib import Path

from iiotctl.history.aggregates.request import holding_texts
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.tagfacts import TagFacts
from tests.unit.history.press import POWER, RECIPE, STATE, TEMPERATURE, press


def test_the_type_says_so_else_the_newest_sample_that_is_not_empty(tmp_path: Path) -> None:
    root = press(
        tmp_path,
        recipe=[(0, "A"), (10, None)],
        state=[(0, "idle"), (10, 2), (20, None)],
        temperature=[(0, None)],
        power=[(0, 1), (10, "off"), (20, None)],
    )
    untyped = [TagFacts(tag) for tag in (RECIPE, STATE, TEMPERATURE, POWER, "nothing.at.all")]
    with Reader(Selection(root), lambda event: None) as reader:
        assert holding_texts(reader, untyped) == {RECIPE, POWER}
        assert holding_texts(reader, [TagFacts(POWER, type="float32"), TagFacts(STATE, type="String(16)")]) == {STATE}
