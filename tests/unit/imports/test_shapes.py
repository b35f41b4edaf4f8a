"""The five common shapes, each as its product writes it."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import polars as pl
import pytest

from iiotctl.errors import UsageError
from tests.unit.imports.files import Asked, imported, put, rows_of, taken


def test_generic_long(tmp_path: Path) -> None:
    text = "ts,tag,value,quality\n2025-11-21T00:00:00Z,a.b,1.5,Good\n2025-11-21T01:00:01+01:00,a.b,7,BadTimeout\n"
    assert taken(tmp_path, text) == [
        ("2025-11-21T00:00:00", "a.b", 1.5, None, "Good"),
        ("2025-11-21T00:00:01", "a.b", None, None, "BadTimeout"),
    ]


def test_german_wide_with_units_companions_and_latin_letters(tmp_path: Path) -> None:
    text = (
        "Zeit;Druck [bar];Druck Status;Öl Temp (°C)\r\n"
        "21.11.2025 14:05:03,250;1,5;Good;80,25\r\n"
        "21.11.2025 14:05:04,250;1,75;Bad;\r\n"
        "22.11.2025 14:05:04,250;1.234,5;Good;-1\r\n"
    )
    path = put(tmp_path, text.encode("cp1252"))
    report = imported(path, tmp_path / "s", zone="Europe/Berlin")
    assert [(tag.name, tag.unit) for tag in report.tags] == [("Druck", "bar"), ("Oel_Temp", "°C")]
    assert report.changed == (("Öl Temp", "Oel_Temp"),)
    assert report.empty == 1
    assert rows_of(tmp_path / "s") == [
        ("2025-11-21T13:05:03.25", "Druck", 1.5, None, "Good"),
        ("2025-11-21T13:05:03.25", "Oel_Temp", 80.25, None, "Good"),
        ("2025-11-21T13:05:04.25", "Druck", None, None, "Bad"),
        ("2025-11-22T13:05:04.25", "Druck", 1234.5, None, "Good"),
        ("2025-11-22T13:05:04.25", "Oel_Temp", -1.0, None, "Good"),
    ]


def test_pi_with_digital_states_and_flags(tmp_path: Path) -> None:
    text = (
        "Tag,Time,Value,Questionable,Substituted\n"
        "SINUSOID,21-Nov-25 14:05:03.250,42.1,False,False\n"
        "SINUSOID,21-Nov-25 14:06:03.250,I/O Timeout,False,False\n"
        "SINUSOID,21-Nov-25 14:07:03.250,No Data,False,False\n"
        "SINUSOID,21-Nov-25 14:08:03.250,Bad Input,False,False\n"
        "SINUSOID,21-Nov-25 14:09:03.250,43.5,True,False\n"
        "SINUSOID,21-Nov-25 14:10:03.250,44.5,False,True\n"
        "PUMP:STATE,21-Nov-25 14:07:03.250,Running,False,False\n"
    )
    assert [row[1:] for row in taken(tmp_path, text)] == [
        ("SINUSOID", 42.1, None, "Good"),
        ("SINUSOID", None, None, "BadNoCommunication"),
        ("PUMP.STATE", None, "Running", "Good"),
        ("SINUSOID", None, None, "BadNoData"),
        ("SINUSOID", None, None, "BadSensorFailure"),
        ("SINUSOID", 43.5, None, "Uncertain"),
        ("SINUSOID", 44.5, None, "UncertainSubstituteValue"),
    ]


def test_pi_without_header_as_piconfig_writes_it(tmp_path: Path) -> None:
    text = (
        "* (Ls - ) PIarcnfg> @ostr tag,time,value\nTIC101.PV,21-Nov-25 14:05:03.25000,81.5\n"
        "TIC101.PV,21-Nov-25 14:06:03.25000,82\n* End Repeat...\n"
    )
    report = imported(put(tmp_path, text), tmp_path / "s")
    assert report.refused_total == 0
    assert ("shape", "PI, long") in report.facts
    assert [row[2] for row in rows_of(tmp_path / "s")] == [81.5, 82.0]


def test_ignition_wide_and_long(tmp_path: Path) -> None:
    wide = (
        "t_stamp,[default]Line1/Oven/Temp,Line1/Oven/Run\n2025-11-21 14:05:03,81.5,true\n2025-11-21 14:05:04,,false\n"
    )
    assert [row[1:3] for row in taken(tmp_path, wide)] == [
        ("Line1.Oven.Run", 1.0),
        ("Line1.Oven.Temp", 81.5),
        ("Line1.Oven.Run", 0.0),
    ]
    long = (
        "tagid,intvalue,floatvalue,stringvalue,datevalue,dataintegrity,t_stamp\n"
        "7,,81.5,,,192,1763733903250\n8,1,,,,192,1763733903250\n9,,,auto,,192,1763733903250\n7,,1,,,500,1763733904250\n"
    )
    assert [row[1:] for row in taken(tmp_path / "", long, "long.csv", given={"7": "temp"})][-4:] != []
    root = tmp_path / "two"
    imported(put(tmp_path, long, "long.csv"), root, given={"7": "temp"})
    assert rows_of(root) == [
        ("2025-11-21T14:05:03.25", "8", 1.0, None, "Good"),
        ("2025-11-21T14:05:03.25", "9", None, "auto", "Good"),
        ("2025-11-21T14:05:03.25", "temp", 81.5, None, "Good"),
        ("2025-11-21T14:05:04.25", "temp", None, None, "Bad"),
    ]


def test_kepware_narrow_and_wide(tmp_path: Path) -> None:
    narrow = (
        "_NAME,_NUMERICID,_VALUE,_TIMESTAMP,_QUALITY\n"
        "Channel1.Device1.Tag1,0,12.5,11/21/2025 2:05:03 PM,192\n"
        "Channel1.Device1.Tag1,0,12.7,11/21/2025 12:05:04 AM,24\n"
    )
    assert taken(tmp_path, narrow) == [
        ("2025-11-21T00:05:04", "Channel1.Device1.Tag1", None, None, "BadNoCommunication"),
        ("2025-11-21T14:05:03", "Channel1.Device1.Tag1", 12.5, None, "Good"),
    ]
    wide = (
        "Ch.T1_NUMERICID,Ch.T1_VALUE,Ch.T1_TIMESTAMP,Ch.T1_QUALITY,Ch.T2_NUMERICID,Ch.T2_VALUE,Ch.T2_TIMESTAMP,Ch.T2_QUALITY\n"
        "0,1.5,2025-11-21 14:05:03,192,0,7,2025-11-21 14:05:09,64\n"
    )
    root = tmp_path / "wide"
    imported(put(tmp_path, wide), root)
    assert rows_of(root) == [
        ("2025-11-21T14:05:03", "Ch.T1", 1.5, None, "Good"),
        ("2025-11-21T14:05:09", "Ch.T2", 7.0, None, "Uncertain"),
    ]


def test_influx_line_protocol(tmp_path: Path) -> None:
    text = (
        "# comment\n"
        'weather,location=us-midwest,room=a\\ b temperature=82,hum=3i,s="a, b=\\"c\\" d" 1465839830100400200\n'
        "weather,location=us-midwest,room=a\\ b value=true 1465839830200400200\nbroken line\n"
    )
    report = imported(put(tmp_path, text, "w.txt"), tmp_path / "s")
    assert report.refused == {"fields": 1}
    assert [row[1:4] for row in rows_of(tmp_path / "s")] == [
        ("weather.us-midwest.a_b.hum", 3.0, None),
        ("weather.us-midwest.a_b.s", None, 'a, b="c" d'),
        ("weather.us-midwest.a_b.temperature", 82.0, None),
        ("weather.us-midwest.a_b", 1.0, None),
    ]


def test_influx_annotated_csv_with_two_tables(tmp_path: Path) -> None:
    head = "#group,false,false,true,false,false,true,true\n#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,double,string,string\n#default,_result,,,,,,\n"
    text = (
        f"{head},result,table,_start,_time,_value,_field,_measurement\n"
        ",,0,2025-08-01T00:00:00Z,2025-08-01T01:00:00Z,1.5,temp,press\n"
        f"\n{head},result,table,_start,_time,_value,_field,_measurement,host\n"
        ",,1,2025-08-01T00:00:00Z,2025-08-01T01:00:10Z,2.5,temp,press,x1\n"
    )
    assert [row[:3] for row in taken(tmp_path, text)] == [
        ("2025-08-01T01:00:00", "press.temp", 1.5),
        ("2025-08-01T01:00:10", "press.x1.temp", 2.5),
    ]


def test_a_file_of_one_tag_needs_its_name(tmp_path: Path) -> None:
    path = put(tmp_path, "Time,Value\n2025-11-21 14:05:03,1\n2025-11-21 14:05:04,2\n")
    with pytest.raises(UsageError, match="names no tag") as caught:
        imported(path, tmp_path / "s")
    assert "--tag" in str(caught.value.hint)
    imported(path, tmp_path / "s", asked=Asked(fixed_tag="p.q"))
    assert {row[1] for row in rows_of(tmp_path / "s")} == {"p.q"}


def test_date_and_clock_in_two_columns(tmp_path: Path) -> None:
    text = "Datum\tUhrzeit\tTag\tWert\n21.11.2025\t14:05:03\tx\t1,5\n"
    assert taken(tmp_path, text) == [("2025-11-21T14:05:03", "x", 1.5, None, "Good")]


def test_columns_by_name_and_number(tmp_path: Path) -> None:
    text = "when,who,what,how\n2025-11-21 14:05:03,x,1,0\n2025-11-21 14:05:04,x,2,192\n"
    asked = Asked(time="when", tag="2", value="what", quality="4")
    assert [row[2:] for row in taken(tmp_path, text, asked=asked)] == [(None, None, "Bad"), (2.0, None, "Good")]
    with pytest.raises(UsageError, match="no column `nope`"):
        imported(put(tmp_path, text), tmp_path / "s", asked=Asked(time="nope"))


def test_parquet_long_and_wide(tmp_path: Path) -> None:
    ts = pl.Series("ts", [1_763_733_903_000_000, 1_763_733_904_000_000]).cast(pl.Datetime("us", "UTC"))
    long = pl.DataFrame({"ts": ts, "tag": ["a", "b"], "value": [1.5, None], "quality": ["Good", "BadTimeout"]})
    long.write_parquet(tmp_path / "long.parquet")
    imported(tmp_path / "long.parquet", tmp_path / "s")
    wide = pl.DataFrame({"time": ts.cast(pl.Datetime("ms", "UTC")), "x": [1, 2], "y": [True, None]})
    wide.write_parquet(tmp_path / "wide.parquet")
    imported(tmp_path / "wide.parquet", tmp_path / "s")
    assert [row[1:] for row in rows_of(tmp_path / "s")] == [
        ("a", 1.5, None, "Good"),
        ("x", 1.0, None, "Good"),
        ("y", 1.0, None, "Good"),
        ("b", None, None, "BadTimeout"),
        ("x", 2.0, None, "Good"),
    ]


def test_xlsx(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    import datetime as dt

    book = openpyxl.Workbook()
    book.active.append(["Exported by PI DataLink"])
    book.active.append([])
    book.active.append(["Timestamp", "TIC101", "FIC7"])
    book.active.append([dt.datetime(2025, 11, 21, 14, 5, 3), 81.5, "Bad Input"])
    book.active.append([dt.datetime(2025, 11, 21, 14, 5, 4), 7, None])
    book.save(tmp_path / "export.xlsx")
    imported(tmp_path / "export.xlsx", tmp_path / "s")
    assert rows_of(tmp_path / "s") == [
        ("2025-11-21T14:05:03", "FIC7", None, None, "BadSensorFailure"),
        ("2025-11-21T14:05:03", "TIC101", 81.5, None, "Good"),
        ("2025-11-21T14:05:04", "TIC101", 7.0, None, "Good"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-8"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "Zeit;Tag;Wert\n2025-11-21 14:05:03;Öl;1\n2025-11-21 14:05:04;Öl;2\n"
    assert [row[1] for row in taken(tmp_path, text.encode(encoding))] == ["Oel", "Oel"]


def test_packed_files(tmp_path: Path) -> None:
    text = b"ts,tag,value\n2025-11-21 14:05:03,x,1\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside.csv", text)
    assert len(taken(tmp_path, gzip.compress(text), "a.csv.gz")) == 1
    assert len(taken(tmp_path, packed.getvalue(), "a.zip")) == 1
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("other.csv", text)
    with pytest.raises(UsageError, match="holds 2 files"):
        imported(put(tmp_path, packed.getvalue(), "b.zip"), tmp_path / "s")
