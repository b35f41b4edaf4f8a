"""Durations, sizes, addresses and tag lists: what is written is what is read."""

from __future__ import annotations

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.site.address import Table, parse_address, parse_range
from iiotctl.site.taglist import read_csv, sniff
from iiotctl.site.units import format_duration, format_size, parse_duration, parse_size

CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)


@given(st.integers(0, 10**15))
def test_duration_round_trip(micros: int) -> None:
    assert parse_duration(format_duration(micros / 1e6)) == pytest.approx(micros / 1e6, abs=1e-9, rel=1e-12)


@given(st.integers(0, 10**15))
def test_size_round_trip_to_three_figures(size: int) -> None:
    assert parse_size(format_size(size)) == pytest.approx(size, rel=0.006, abs=0.5)


@given(st.sampled_from(Table), st.integers(0, 65_535), st.none() | st.integers(0, 15))
def test_address_round_trip(table: Table, offset: int, bit: int | None) -> None:
    text = f"{table}:{offset}" + (f"/{bit}" if bit is not None else "")
    if table.is_bits and bit is not None:
        with pytest.raises(ValueError, match="one bit already"):
            parse_address(text)
        return
    assert str(parse_address(text)) == text


@given(st.sampled_from("0134"), st.integers(1, 65_536))
def test_references_count_from_one(digit: str, number: int) -> None:
    address = parse_address(f"{digit}{number:05d}")
    assert address.offset == number - 1
    if number <= 9_999:
        assert parse_address(f"{digit}{number:04d}") == address


@given(st.text(max_size=20))
def test_words_are_read_or_refused(text: str) -> None:
    for parse in (parse_address, parse_range, parse_duration, parse_size):
        with suppress(ValueError):  # anything else fails the test
            parse(text)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5), st.sampled_from(",;\t"), st.booleans())
def test_text_cells_survive_csv(rows: list[tuple[str, str]], delimiter: str, bom: bool) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["name", "source", "address", "unit", "description"])
    for number, (unit, description) in enumerate(rows):
        writer.writerow([f"t{number}", "s", "holding:0", unit, description])
    text = ("\ufeff" if bom else "") + out.getvalue()
    assert sniff(text.removeprefix("\ufeff")) == (delimiter, False)
    tags, problems = read_csv(text.removeprefix("\ufeff"), "tags.csv")
    assert problems == []
    assert [(tag.values.get("unit", ""), tag.values.get("description", "")) for tag in tags] == [
        (unit.strip(), description.strip()) for unit, description in rows
    ]
    assert [tag.where("unit") for tag in tags] == [f"tags.csv:{n + 2} column unit" for n in range(len(rows))]
