"""Any bytes: rows or an error of ours, never a crash, never a hang; and what is read is what was written."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from iiotctl.errors import IiotctlError
from iiotctl.imports import influx, statuses, tagnames, values
from iiotctl.imports.lines import split
from iiotctl.imports.opened import Block, TextFile
from iiotctl.ops import import_
from tests.unit.imports.files import Options
from tests.unit.store.bulk_stores import NOW

HEADS = (
    b"ts,tag,value,quality\n2025-11-21T00:00:00Z,a,1,Good\n",
    b"Zeit;Druck;Druck Status\n21.11.2025 14:05:03,250;1,5;Good\n",
    b"_NAME,_NUMERICID,_VALUE,_TIMESTAMP,_QUALITY\nx,0,12.5,11/21/2025 2:05:03 PM,192\n",
    b"tagid,intvalue,floatvalue,stringvalue,datevalue,dataintegrity,t_stamp\n7,,81.5,,,192,1763733903250\n",
    b"weather,location=a temperature=82 1465839830100400200\n",
    b"#datatype,string,long,dateTime:RFC3339,double,string,string\n,result,table,_time,_value,_field,_measurement\n,,0,2025-08-01T01:00:00Z,1.5,t,p\n",
    b"\xff\xfet\0s\0,\0",
    b"\x1f\x8b\x08\0",
    b"PK\x03\x04",
    b"PAR1",
    b"",
)
pieces = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=40).map(str.encode),
    st.sampled_from(
        [b'"', b"\n", b"\r\n", b"\0", b",,,,", b";", b"\t", b"2025-11-21T00:00:00Z,a,1,Good\n", b"1e999", b"-1"]
    ),
)
suffixes = st.sampled_from([".csv", ".xlsx", ".parquet", ".gz", ".txt"])


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(HEADS), st.lists(pieces, max_size=12), suffixes)
def test_any_file_is_rows_or_an_error(head: bytes, parts: list[bytes], suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{suffix}"
        path.write_bytes(head + b"".join(parts))
        try:
            (report,) = import_.preview([path], Options(zone="Europe/Berlin"), lambda event: None, now_us=lambda: NOW)
        except IiotctlError as error:
            assert error.slug in ("import-file", "import-shape")  # noqa: PT017 - any file may also be fine
            return
        assert report.rows == report.usable + report.refused_total + report.left_out
        assert sum(tag.rows for tag in report.tags) == report.usable
        assert all(tagnames.is_valid(tag.name) for tag in report.tags)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\ufffd", exclude_categories=("Cs",)), max_size=8)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=20), st.sampled_from(",;\t|"))
def test_well_formed_lines_come_back_as_they_were(rows: list[list[str]], separator: str) -> None:
    import csv
    import io

    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    data = out.getvalue().encode()
    frame, refused = split(Block(data, 1, data.count(b"\n")), separator, 3)
    assert refused.height == 0
    assert [list(row) for row in frame.drop("line").iter_rows()] == [[cell or None for cell in row] for row in rows]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(min_size=0, max_size=30).map(lambda b: b.replace(b"\n", b"")), max_size=40), st.integers(1, 50)
)
def test_blocks_hold_every_line_once(rows: list[bytes], size: int) -> None:
    data = b"".join(row + b"\n" for row in rows) + b"end"
    if (
        data.count(b"\0") * 100 > len(data)
        or data[:2] in (b"\x1f\x8b", b"PK", b"\xff\xfe", b"\xfe\xff")
        or data[:3] == b"\xef\xbb\xbf"
    ):
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(data)
        try:
            file = TextFile(path, "utf-8")
        except IiotctlError:
            return
        blocks = list(file.blocks(size))
    assert b"".join(block.data for block in blocks) == data
    line = 1
    for block in blocks:
        assert block.first == line
        line += block.lines


@given(st.text(max_size=80))
@example("[x]/\\|:>")
def test_any_name_becomes_a_valid_one_or_none(name: str) -> None:
    made = tagnames.ours(name)
    assert made == "" or tagnames.is_valid(made)
    assert tagnames.ours(made) == made


@given(st.text(max_size=30), st.sampled_from([".", ","]))
def test_any_word_is_a_value_a_text_or_refused(text: str, decimal: str) -> None:
    value, word, code, understood = values.word(text, decimal)  # type: ignore[arg-type]
    assert understood or (value is None and word is None and code is None)
    assert value is None or value == value  # noqa: PLR0124 - no NaN
    statuses.word(text, "opc-da")
    influx.parse_line(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_the_same_with_either_mark(number: float) -> None:
    import polars as pl

    text = repr(number)
    assert values.read(pl.Series([text]), ".")["value"].item() == number
    assert values.read(pl.Series([text.replace(".", ",")]), ",")["value"].item() == number


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [("1.234,5", ",", 1234.5), ("1,234.5", ".", 1234.5), ("1'234.5", ".", 1234.5), ("1 234,5", ",", 1234.5)],
)
def test_thousands_where_they_are_certain(text: str, decimal: str, value: float) -> None:
    assert values.word(text, decimal)[0] == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "decimal"), [("1,234", "."), ("1.234", ","), ("1.2.3", "."), ("1,5", "."), ("1_0", ".")]
)
def test_thousands_where_they_are_not(text: str, decimal: str) -> None:
    value, word, _, understood = values.word(text, decimal)  # type: ignore[arg-type]
    assert value is None
    assert not understood or word == text


def test_status_words() -> None:
    from iiotctl import quality

    for text, code in {
        "Good": "Good", "GOOD": "Good", "192": "Good", "good (192)": "Good", "Good, non-specific": "Good", "216": "GoodLocalOverride",
        "Bad": "Bad", "0": "Bad", "24": "BadNoCommunication", "Bad_NoCommunication": "BadNoCommunication", "Comm Fail": "BadNoCommunication",
        "Uncertain": "Uncertain", "64": "Uncertain", "Questionable": "Uncertain", "Substituted": "UncertainSubstituteValue",
        "2147483648": "Bad", "0x80310000": "BadNoCommunication", "-2147483648": "Bad", "192.0": "Good", "500": "Bad",
    }.items():  # fmt: skip
        found = statuses.word(text, "opc-da")
        assert found is not None, text
        assert quality.name(found) == code, text
    assert statuses.word("0", "opc-ua") == 0
    assert statuses.word("excellent", "opc-da") is None
