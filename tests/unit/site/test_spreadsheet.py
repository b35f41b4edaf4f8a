"""Tag lists in XLSX: what Excel makes of text, and workbooks made to hurt."""

from __future__ import annotations

import builtins
import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from iiotctl.site import spreadsheet
from iiotctl.site.model import Limits, PercentDeadband
from iiotctl.site.spreadsheet import column_letters
from tests.unit.site.plant import MODBUS, load, problem, problems

SITE = MODBUS.replace("tags.csv", "tags.xlsx")
HEAD = ["name", "source", "address"]


def workbook(*rows: list[Any], title: str = "Tags", others: tuple[str, ...] = ()) -> bytes:
    book = openpyxl.Workbook()
    for other in others:
        book.create_sheet(other, 0).append(["nothing", "here"])
    sheet = book.active if not others else book["Sheet"]
    sheet.title = title
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_cells_of_every_kind(tmp_path: Path) -> None:
    content = workbook(
        ["name", "source", "address", "scale", "span", "low", "limits.high", "stepped", "element", "unit", "invalid"],
        [],
        ["# a comment", "x"],
        ["x", "a", "40012", 0.1, "0;250", 40, 210.5, True, None, "bar", 32767],
        ["y", "b", "holding:3", None, "  ", None, None, "yes", None, 1, "0xFFFF;1"],
    )
    loaded = load(tmp_path, SITE, tags_xlsx=content)
    first, second = loaded.site.tags
    assert (first.address, first.scale, first.span) == ("40012", 0.1, (0, 250))
    assert (first.limits, first.stepped, first.invalid) == (Limits(low=40, high=210.5), True, (32767,))
    assert (second.unit, second.stepped, second.invalid) == ("1", True, (65535, 1))
    assert loaded.tag_where("x") == "tags.xlsx sheet Tags row 4"
    assert loaded.tag_where("y", "address") == "tags.xlsx sheet Tags cell C5"
    assert loaded.tag_where("x", "limits", "low") == "tags.xlsx sheet Tags cell F4"


def test_the_sheet_called_tags_counts(tmp_path: Path) -> None:
    content = workbook(HEAD, ["x", "a", "holding:0"], title="tags", others=("Cover",))
    assert load(tmp_path, SITE, tags_xlsx=content).tag_where("x", "name") == "tags.xlsx sheet tags cell A2"


@pytest.mark.parametrize("value", [40012, 40012.1, 0])
def test_a_number_as_address_is_always_an_error(tmp_path: Path, value: float) -> None:
    content = workbook(HEAD, ["x", "a", "holding:1"], ["y", "a", value])
    (found,) = problems(tmp_path, SITE, tags_xlsx=content)
    assert (found.slug, found.where) == ("numeric-address", "tags.xlsx sheet Tags cell C3")
    assert "Text" in str(found.hint)


@pytest.mark.parametrize("cell", ["=B2", "#REF!"])
def test_an_address_that_cannot_be_read_is_not_missing_too(tmp_path: Path, cell: str) -> None:
    error = problem(tmp_path, SITE, tags_xlsx=workbook(HEAD, ["y", "a", cell]))
    assert (error.slug, error.where) == ("tag-list-cell", "tags.xlsx sheet Tags cell C2")


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("asset", 12, "format it as Text"),
        ("span", dt.datetime(2026, 1, 2), "Excel made a date of it"),
        ("kind", dt.time(1, 2), "Excel made a date of it"),
        ("scale", "0,5", "is not a number"),
        ("scale", True, "truth value"),
        ("span", 250, "is not a span"),
        ("element", 1.5, "is not a whole number"),
        ("scale", "=1+1", "no computed value"),
        ("unit", "#REF!", "the error"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, column: str, value: object, what: str) -> None:
    content = workbook([*HEAD, column], ["x", "a", "holding:1", value])
    error = problem(tmp_path, SITE, tags_xlsx=content)
    assert (error.slug, error.where) == ("tag-list-cell", "tags.xlsx sheet Tags cell D2")
    assert what in error.what


def test_a_wrong_value_is_named_by_its_cell(tmp_path: Path) -> None:
    content = workbook([*HEAD, "order"], ["x", "a", "holding:1", "CDBA"], ["y", "q", "holding:2", None])
    found = problems(tmp_path, SITE, tags_xlsx=content)
    assert [(item.slug, item.where) for item in found] == [
        ("site-value", "tags.xlsx sheet Tags cell D2"),
        ("unknown-source", "tags.xlsx sheet Tags cell B3"),
    ]


def test_an_unknown_column_is_named_by_its_cell(tmp_path: Path) -> None:
    error = problem(tmp_path, SITE, tags_xlsx=workbook([*HEAD, "ordr"]))
    assert (error.slug, error.where) == ("unknown-key", "tags.xlsx sheet Tags cell D1")
    assert error.hint == "did you mean `order`?"


def test_a_formula_counts_by_its_last_value(tmp_path: Path) -> None:
    """A workbook as Excel saves it keeps formula and value; openpyxl writes only the formula, so it is put in."""
    content = workbook([*HEAD, "scale"], ["x", "a", "holding:1", "=1/4"])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.namelist():
            data = old.read(part)
            if part.endswith("sheet1.xml"):
                assert b"<f>1/4</f><v></v>" in data or b"<f>1/4</f><v />" in data or b"<f>1/4</f><v/>" in data
                for empty in (b"<v></v>", b"<v />", b"<v/>"):
                    data = data.replace(b"<f>1/4</f>" + empty, b"<f>1/4</f><v>0.25</v>")
            new.writestr(part, data)
    assert load(tmp_path, SITE, tags_xlsx=out.getvalue()).site.tags[0].scale == 0.25


def test_a_percent_format_is_a_share_of_the_span(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append([*HEAD, "span", "deadband"])
    book.active.append(["x", "a", "holding:1", "0;10", 0.005])
    book.active["E2"].number_format = "0.0%"
    out = io.BytesIO()
    book.save(out)
    assert load(tmp_path, SITE, tags_xlsx=out.getvalue()).site.tags[0].deadband == PercentDeadband(percent=0.5)


@pytest.mark.parametrize("content", [b"", b"name,source\n", bytes(range(256)) * 100, workbook(HEAD)[:-200]])
def test_a_damaged_workbook(tmp_path: Path, content: bytes) -> None:
    error = problem(tmp_path, SITE, tags_xlsx=content)
    assert (error.slug, error.where) == ("tag-list-format", "site.toml:2")


def test_an_empty_sheet(tmp_path: Path) -> None:
    assert problem(tmp_path, SITE, tags_xlsx=workbook()).slug == "tag-list-syntax"


def test_a_zip_without_a_workbook(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("hello.txt", "x")
    assert problem(tmp_path, SITE, tags_xlsx=out.getvalue()).slug == "tag-list-format"


def test_an_archive_that_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "_LARGEST_CONTENT", 1_000)
    assert problem(tmp_path, SITE, tags_xlsx=workbook(HEAD)).slug == "file-too-large"


@pytest.mark.timeout(30)
def test_no_tag_is_lost_behind_many_empty_rows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(HEAD)
    book.active.append(["x", "a", "holding:1"])
    book.active["XFD49999"] = " "
    book.active["A50000"] = "last"
    book.active["B50000"] = "a"
    book.active["C50000"] = "holding:2"
    out = io.BytesIO()
    book.save(out)
    loaded = load(tmp_path, SITE, tags_xlsx=out.getvalue())
    assert loaded.tag_where("last") == "tags.xlsx sheet Sheet row 50000"
    assert len(loaded.site.tags) == 2


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "openpyxl":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    content = workbook(HEAD)
    monkeypatch.setattr(builtins, "__import__", without)
    error = problem(tmp_path, SITE, tags_xlsx=content)
    assert (error.slug, error.where) == ("excel-missing", "site.toml:2")
    assert "openpyxl" in str(error.hint)


@pytest.mark.parametrize(("index", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_column_letters(index: int, letters: str) -> None:
    assert column_letters(index) == letters
