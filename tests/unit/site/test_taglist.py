"""Tag lists as Excel saves them in different countries."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.site.address import Order
from iiotctl.site.cells import COLUMNS, CellError, parse_cell
from iiotctl.site.model import Limits, PercentDeadband
from iiotctl.site.taglist import sniff
from tests.unit.site.plant import MODBUS, load, problem, problems

FULL = "name,source,address,type,order,scale,offset,invalid,unit,span,low,limits.high,deadband,stepped,enum,period,siblings"
ROW = 'x,a,40012,float32,CDAB,0.1,-5,"32767;-0x8000",bar,"[0, 250]",40,210,0.5%,yes,0=off;1=on,500ms,y|z'
TAGS = f"{FULL}\n{ROW}\ny,a,holding:20\nz,b,coil:1,bool\n"


def test_a_full_row(tmp_path: Path) -> None:
    loaded = load(tmp_path, MODBUS, tags_csv=TAGS)
    tag = loaded.site.tags[0]
    assert (tag.address, tag.type, tag.order) == ("40012", "float32", Order.CDAB)
    assert (tag.scale, tag.offset, tag.unit) == (0.1, -5, "bar")
    assert tag.invalid == (32767, -32768)
    assert tag.span == (0, 250)
    assert tag.limits == Limits(low=40, high=210)
    assert tag.deadband == PercentDeadband(percent=0.5)
    assert tag.stepped is True
    assert tag.enum == {"0": "off", "1": "on"}
    assert tag.period == 0.5
    assert tag.siblings == ("y", "z")
    assert loaded.tag_where("x") == "tags.csv:2"
    assert loaded.tag_where("z", "address") == "tags.csv:4 column address"
    assert loaded.site.tags[1].scale == 1.0


GERMAN = 'name;source;address;scale;span;low\r\nx;a;holding:0;0,1;"[0,5; 250]";1,5\r\n'


@pytest.mark.parametrize(
    "content",
    [
        GERMAN.encode(),
        b"\xef\xbb\xbf" + GERMAN.encode(),
        b"sep=;\r\n" + GERMAN.encode(),
        GERMAN.replace(";", "\t").replace("0,5\t", "0.5;").replace("0,1", "0.1").replace("1,5", "1.5").encode("utf-16"),
        b"# my tags\n\n" + GERMAN.encode() + b"\n#x;y;z\n;;;;;\n",
    ],
    ids=["semicolons", "byte order mark", "sep line", "utf-16 with tabs", "comments and blank rows"],
)
def test_what_excel_writes(tmp_path: Path, content: bytes) -> None:
    (tag,) = load(tmp_path, MODBUS, tags_csv=content).site.tags
    assert (tag.name, tag.scale, tag.span, tag.limits) == ("x", 0.1, (0.5, 250), Limits(low=1.5))


@pytest.mark.parametrize(
    ("rows", "slug", "where", "what"),
    [
        ("x,a,holding:0,CDBA\n", "site-value", "tags.csv:2 column order", "`order` must be one of"),
        ("x,q,holding:0,\n", "unknown-source", "tags.csv:2 column source", "unknown source `q`"),
        ("x,a,,\n", "missing-key", "tags.csv:2", "`address` is missing"),
        ("x,a,hold:0,\n", "modbus-address", "tags.csv:2 column address", "is not a Modbus address"),
        ("x,a,holding:0,,9\n", "tag-list-syntax", "tags.csv:2", "the row has 5 cells, the header 4"),
        ('x,a,holding:0,"\n', "tag-list-syntax", "tags.csv:2", "is not valid CSV"),
        ('y,a,holding:1,\nx,a,"hold\ning:0",\n', "modbus-address", "tags.csv:3 column address", "hold\\ning"),
        ("x,a,holding:0,\nx,a,holding:1,\n", "duplicate-tag", "tags.csv:3 column name", "is used twice"),
    ],
)
def test_a_wrong_row(tmp_path: Path, rows: str, slug: str, where: str, what: str) -> None:
    error = problem(tmp_path, MODBUS, tags_csv="name,source,address,order\n" + rows)
    assert (error.slug, error.where) == (slug, where)
    assert what in error.what
    assert "\n" not in error.what


@pytest.mark.parametrize(
    ("header", "slug", "what", "hint"),
    [
        ("name,source,address,ordr", "unknown-key", 'unknown column "ordr"', "did you mean `order`?"),
        ("name,source,address,order,order", "tag-list-syntax", "appears twice", None),
        ("name,source", "missing-key", "the column `address` is missing", None),
        ("", "tag-list-syntax", "is empty", None),
    ],
)
def test_a_wrong_header(tmp_path: Path, header: str, slug: str, what: str, hint: str | None) -> None:
    error = problem(tmp_path, MODBUS, tags_csv=header + "\n")
    assert (error.slug, what in error.what, error.hint) == (slug, True, hint)


def test_titles_may_have_capitals_and_blanks(tmp_path: Path) -> None:
    (tag,) = load(tmp_path, MODBUS, tags_csv="Name, Source ,ADDRESS,Low low\nx,a,holding:0,2\n").site.tags
    assert tag.limits == Limits(low_low=2)


def test_problems_of_several_lists_come_together(tmp_path: Path) -> None:
    site = MODBUS.replace('"tags.csv"', '["one.csv", "two.csv", "old.xls"]')
    found = problems(tmp_path, site, one_csv="nme\n", two_csv="name,source,address\nx,a,bad\n", old_xls=b"")
    assert sorted((item.slug, item.where) for item in found) == [
        ("modbus-address", "two.csv:2 column address"),
        ("tag-list-format", "site.toml:2"),
        ("unknown-key", "one.csv:1 column nme"),
    ]


@pytest.mark.parametrize(
    ("content", "slug", "where"),
    [
        ("name,source,address\n°C".encode("latin-1"), "file-not-text", "tags.csv:2"),
        (b"name,source,address\n\0", "file-not-text", "tags.csv:2"),
        (b"name,source,address\n" + b"x" * 1_000_000, "tag-list-syntax", "tags.csv:2"),
        (bytes(range(256)) * 4_000, "file-not-text", "tags.csv:2"),
    ],
)
def test_noise(tmp_path: Path, content: bytes, slug: str, where: str) -> None:
    error = problem(tmp_path, MODBUS, tags_csv=content)
    assert (error.slug, error.where) == (slug, where)


@pytest.mark.parametrize(
    ("column", "text", "decimal_comma", "value"),
    [
        ("scale", "0,5", True, 0.5),
        ("scale", "1 000,5", True, 1000.5),
        ("scale", "1e-3", False, 0.001),
        ("deadband", "0,5 %", True, {"percent": 0.5}),
        ("deadband", "0.05", False, 0.05),
        ("span", "0;250", False, [0, 250]),
        ("span", "[0, 250]", True, [0, 250]),
        ("span", "0,5|2,5", True, [0.5, 2.5]),
        ("element", "3", False, 3),
        ("element", "3.0", False, 3),
        ("invalid", "0xFFFF; -1", False, [65535, -1]),
        ("stepped", "WAHR", False, True),
        ("stepped", "no", False, False),
        ("address", "40012.10", False, "40012.10"),
        ("limits.low", "1", False, 1),
    ],
)
def test_cell(column: str, text: str, decimal_comma: bool, value: object) -> None:
    assert parse_cell(column, text, decimal_comma=decimal_comma) == value


@pytest.mark.parametrize(
    ("column", "text", "decimal_comma"),
    [
        ("scale", "0,5", False),
        ("scale", "1.000,5", True),
        ("scale", "nan", False),
        ("scale", "1e999", False),
        ("element", "1.5", False),
        ("element", "1e3", False),
        ("span", "250", False),
        ("span", "0,250", True),
        ("span", "0-250", False),
        ("stepped", "maybe", False),
        ("enum", "off", False),
        ("invalid", "x", False),
    ],
)
def test_wrong_cell(column: str, text: str, decimal_comma: bool) -> None:
    with pytest.raises(CellError):
        parse_cell(column, text, decimal_comma=decimal_comma)


@pytest.mark.parametrize(
    ("text", "delimiter"), [("a;b,c;d", ";"), ('"a,b;c";d', ";"), ("a\tb", "\t"), ("a", ","), ("", ",")]
)
def test_sniff(text: str, delimiter: str) -> None:
    assert sniff(text) == (delimiter, False)


def test_every_key_of_a_tag_is_a_column() -> None:
    assert {"name", "address", "low", "limits.low", "twin", "criticality"} <= set(COLUMNS)
    assert "limits" not in COLUMNS
