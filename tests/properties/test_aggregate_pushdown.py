"""Counting in the database and counting in arrays give the same results, over any samples, gaps and range."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.history import tagfacts
from iiotctl.history.aggregates import pushdown, report
from iiotctl.history.aggregates.base import Configuration
from iiotctl.history.aggregates.registry import FUNCTIONS
from iiotctl.history.aggregates.request import Request, answer
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.samples import Gap, GapReason
from tests.unit.history.stores import T0, TAGS, batch, writer

SECOND = 1_000_000
_COUNTED = [function for function in FUNCTIONS.values() if function.by_tally]
_SAMPLES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 40),
        st.sampled_from([1.0, 2.0, 2.0, 3.5, -1.25, 1e9, float("nan")]),
        st.sampled_from([0, 0, 0, 0, 0x40000000, 0x80000000, 0x809B0000]),
    ),
    max_size=60,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=15, deadline=None)
@given(
    samples=_SAMPLES,
    gap=st.none() | st.tuples(st.sampled_from(TAGS), st.integers(0, 40)),
    begin=st.integers(0, 20),
    length=st.integers(1, 25),
    every=st.integers(1, 10),
    takes_uncertain=st.booleans(),
)
def test_both_ways_of_counting_agree(
    *,
    samples: list[tuple[int, int, float, int]],
    gap: tuple[str, int] | None,
    begin: int,
    length: int,
    every: int,
    takes_uncertain: bool,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "store"
        store = writer(root)
        rows = sorted(samples, key=lambda row: row[1])
        gaps = [Gap("g", "press1", gap[0], T0 + gap[1] * SECOND, None, GapReason.TIMEOUT, T0)] if gap else []
        tags, at, values, codes = ([row[k] for row in rows] for k in range(4))
        store.commit(batch(tags, [T0 + int(t) * SECOND for t in at], values, codes), gaps)  # type: ignore[arg-type]
        store.close()
        every_text = f"{every}s"
        start, end = T0 + begin * SECOND, T0 + (begin + length) * SECOND
        request = Request(
            _COUNTED, start, end, every_text, configuration=Configuration(treat_uncertain_as_bad=not takes_uncertain)
        )
        with Reader(Selection(root), lambda event: None) as reader:
            facts = tagfacts.find(reader, ["*"])
            wanted = request.intervals()
            assert pushdown.able(request, wanted, facts)
            together = list(report.blocks(reader, request, facts))
            one_by_one = [block for tag in facts for block in answer(reader, request, tag, wanted)]
        assert [block.tag.tag for block in together] == [block.tag.tag for block in one_by_one] == sorted(TAGS)
        for left, right in zip(together, one_by_one, strict=True):
            assert np.array_equal(left.start, right.start)
            for function, a, b in zip(_COUNTED, left.outcomes, right.outcomes, strict=True):
                where = f"{function.name} of {left.tag.tag}"
                assert a.quality.tolist() == b.quality.tolist(), where
                assert a.ts.tolist() == b.ts.tolist(), where
                assert a.raw.tolist() == b.raw.tolist(), where
                assert np.allclose(a.value, b.value, rtol=1e-12, atol=1e-9, equal_nan=True), where
