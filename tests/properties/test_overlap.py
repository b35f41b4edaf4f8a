"""Rows that stand in two files are found, and only files that may share rows are looked at."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.store import overlap
from iiotctl.store.ledger import FileRange

_FOLDER = Path("samples/date=2026-11-23")
_SOME = st.none() | st.integers(0, 5)
_TAGS = st.none() | st.sampled_from("abc")


def _held(low: int | None, high: int | None, first: str | None, last: str | None, rows: int) -> FileRange:
    if low is not None and high is not None:
        low, high = sorted((low, high))
    if first is not None and last is not None:
        first, last = sorted((first, last))
    return FileRange("samples", rows, low, high, first, last)


def _may_meet(one: FileRange, other: FileRange) -> bool:
    """In plain words: neither ends before the other begins, in time and by name; None = may be anywhere."""
    if not (one.rows and other.rows):
        return False
    times = ((one.ts_max, other.ts_min), (other.ts_max, one.ts_min))
    names = ((one.tag_max, other.tag_min), (other.tag_max, one.tag_min))
    return not (
        any(a is not None and b is not None and a < b for a, b in times)
        or any(a is not None and b is not None and a < b for a, b in names)
    )


@given(st.lists(st.builds(_held, _SOME, _SOME, _TAGS, _TAGS, st.integers(0, 2)), max_size=8))
def test_the_same_pairs_as_of_all(held: list[FileRange]) -> None:
    files = {_FOLDER / f"raw-{number}.parquet": one for number, one in enumerate(held)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "_common", lambda *_: 1)
        found = [(one, other) for one, other, _ in overlap.doubled(files)]
    assert found == [pair for pair in combinations(files, 2) if _may_meet(*(files[path] for path in pair))]


def test_files_after_each_other_are_not_compared_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    kept = overlap._is_before

    def counting(one: str | None, other: str | None) -> bool:
        nonlocal compared
        compared += 1
        return kept(one, other)

    monkeypatch.setattr(overlap, "_is_before", counting)
    files = {_FOLDER / f"raw-{n}.parquet": FileRange("samples", 9, 10 * n, 10 * n + 9, "a", "b") for n in range(2000)}
    assert list(overlap.doubled(files)) == []
    assert compared == 0
