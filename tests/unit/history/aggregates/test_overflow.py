"""What is beyond the numbers of 64 bits is Bad, and never Good without a value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from iiotctl import quality
from iiotctl.history.aggregates import registry, report
from iiotctl.history.aggregates.request import Request
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.tagfacts import TagFacts
from tests.unit.history.press import POWER, T0, S, press

HUGE = [(0, 1e308), (10, 1e308), (20, 1e308), (30, -1e308), (40, 1e308), (60, 1.0), (70, 2.0), (120, 3.0)]


@pytest.mark.parametrize("every", ["1min", None], ids=["by interval", "at once"])
@pytest.mark.parametrize("function", list(registry.FUNCTIONS))
def test_no_result_without_a_number_is_good(tmp_path: Path, function: str, every: str | None) -> None:
    root = press(tmp_path, power=HUGE)
    request = Request([registry.find(function)], T0, T0 + 120 * S, every=every)
    with Reader(Selection(root), lambda event: None) as reader:
        outcomes = [block.outcomes[0] for block in report.blocks(reader, request, [TagFacts(POWER)])]
    for found in outcomes:
        no_number = ~np.isfinite(found.value)
        assert (found.quality[no_number] >= quality.BAD).all()
        assert np.isnan(found.value[no_number]).all()


def test_an_overflow_is_bad_and_its_neighbour_is_not(tmp_path: Path) -> None:
    root = press(tmp_path, power=HUGE)
    request = Request([registry.find("Range")], T0, T0 + 120 * S, every="1min")
    with Reader(Selection(root), lambda event: None) as reader:
        (block,) = report.blocks(reader, request, [TagFacts(POWER)])
    (found,) = block.outcomes
    assert (found.quality & 0xFFFF0000).tolist() == [0x80000000, 0]
    assert found.value[1] == 1
