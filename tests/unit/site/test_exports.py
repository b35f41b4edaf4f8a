"""Exports of engineering tools: what becomes a row, what is left out and why; the files in tests/fixtures are ours."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from iiotctl.errors import IiotctlError, UsageError
from iiotctl.site.address import Order
from iiotctl.site.exports import collect
from iiotctl.site.exports.collect import Collection, Options, Protocol
from iiotctl.site.exports.recognise import Tool, read_export
from iiotctl.site.tagrows import TagRow, to_csv

EXPORTS = Path(__file__).parents[2] / "fixtures" / "exports"
DEVICE = "CODESYS Control Win V3 x64"


def imported(name: str, **options: object) -> Collection:
    into = Collection(Options("s", **options))  # type: ignore[arg-type]
    read_export((EXPORTS / name).read_bytes(), name, None, into)
    return into


def rows(into: Collection) -> dict[str, TagRow]:
    return {row.name: row for row in into.rows}


def reasons(into: Collection) -> dict[str, str]:
    return {left.name: left.reason for left in into.left}


@pytest.mark.parametrize(
    ("name", "tool"),
    [
        ("kepware.csv", Tool.KEPWARE),
        ("ignition.json", Tool.IGNITION),
        ("ignition.csv", Tool.IGNITION),
        ("codesys.xml", Tool.CODESYS),
        ("tia.csv", Tool.TIA),
    ],
)
def test_the_tool_is_recognised_and_no_row_is_lost(name: str, tool: Tool) -> None:
    into = Collection(Options("s", prefix="p"))
    assert read_export((EXPORTS / name).read_bytes(), name, None, into) is tool
    assert into.rows
    assert len({row.name for row in into.rows}) == len(into.rows)
    again = Collection(Options("s", prefix="p"))
    read_export((EXPORTS / name).read_bytes(), name, tool, again)
    assert to_csv(again.rows) == to_csv(into.rows)


def test_kepware_addresses() -> None:
    found = rows(imported("kepware.csv"))
    assert {name: (row.address, row.type, row.order) for name, row in found.items()} == {
        "s.Pressure": ("holding:11", "uint16", ""),
        "s.Temperature": ("holding:19", "float32", "CDAB"),
        "s.Running": ("holding:29/3", "bool", ""),
        "s.Door": ("discrete:4", "bool", ""),
        "s.Order": ("holding:99", "string(20)", ""),
        "s.Label": ("holding:119", "string(10)", "BADC"),
        "s.Zones_0": ("holding:199", "float32", "CDAB"),
        "s.Zones_1": ("holding:201", "float32", "CDAB"),
        "s.Zones_2": ("holding:203", "float32", "CDAB"),
        "s.Flow": ("input:6", "int32", "CDAB"),
    }
    pressure = found["s.Pressure"]
    assert pressure.scale == pytest.approx(250 / 27648)
    assert (pressure.unit, pressure.span, pressure.description) == ("bar", (0.0, 250.0), "Hydraulic pressure")
    assert found["s.Temperature"].unit == "°C"
    assert found["s.Flow"].scale == -1


def test_kepware_leaves_out_with_a_reason() -> None:
    found = reasons(imported("kepware.csv"))
    assert found.keys() == {"Valve", "Level", "Counter", "Started", "Huge", "Zero", ""}
    assert "Square Root" in found["Level"]
    assert "--as opcua" in found["Counter"]
    assert "5000 elements" in found["Huge"]


def test_kepware_over_its_own_server() -> None:
    found = imported("kepware.csv", protocol=Protocol.OPCUA, prefix="Channel1.Device1")
    assert rows(found)["s.Counter"].address == "ns=2;s=Channel1.Device1.Counter"
    assert rows(found)["s.Pressure"].scale is None  # Kepware scales itself
    with pytest.raises(UsageError, match="channel and device"):
        imported("kepware.csv", protocol=Protocol.OPCUA)


def test_an_order_given_holds_for_values_of_several_registers_only() -> None:
    found = rows(imported("kepware.csv", order=Order.DCBA))
    assert found["s.Temperature"].order == "DCBA"
    assert found["s.Pressure"].order == ""


def test_ignition_by_its_server() -> None:
    into = imported("ignition.json")
    found = rows(into)
    assert {name: row.address for name, row in found.items()} == {
        "s.Line3.Oven.Temperature": "ns=1;s=[PLC]HRF21",
        "s.Line3.Oven.Speed": "ns=1;s=[PLC]1.HR12",
        "s.Line3.Oven.Fault": "ns=1;s=[PLC]1.HR5.3",
        "s.Line3.Logix": "ns=1;s=[AB]Program:Main.Count",
    }
    assert found["s.Line3.Oven.Speed"].scale == 0.1
    assert found["s.Line3.Oven.Temperature"].span == (0, 300)
    assert reasons(into).keys() == {
        "Line3/Oven/Root",
        "Line3/Setpoint",
        "Line3/Sum",
        "Line3/Bound",
        "Line3/Motor1",
        "_types_/Motor",
    }


def test_ignition_from_the_device_keeps_units_apart() -> None:
    first = imported("ignition.json", protocol=Protocol.MODBUS)
    assert rows(first).keys() == {"s.Line3.Oven.Temperature"}
    assert "--unit 1" in reasons(first)["Line3/Oven/Speed"]
    second = rows(imported("ignition.json", protocol=Protocol.MODBUS, unit=1))
    assert second["s.Line3.Oven.Speed"].address == "holding:11"
    assert second["s.Line3.Oven.Fault"].address == "holding:4/3"


def test_ignition_csv() -> None:
    into = imported("ignition.csv", protocol=Protocol.MODBUS)
    found = rows(into)
    assert {name: (row.address, row.type) for name, row in found.items()} == {"s.Line3.Level": ("input:3", "uint16")}
    assert "scale mode" in reasons(into)["Line3/Pressure"]
    assert reasons(into)["Line3"] == "no OPC item path: it is read from no device"


def test_codesys_symbols_structures_and_arrays() -> None:
    into = imported("codesys.xml", prefix=DEVICE)
    found = rows(into)
    assert found["s.GVL.rPressure"].address == f"ns=4;s=|var|{DEVICE}.Application.GVL.rPressure"
    assert found["s.GVL.rPressure"].description == "Hydraulic pressure"
    zones = [(name, row.element) for name, row in found.items() if "aZones" in name]
    assert zones == [("s.GVL.aZones_1", 0), ("s.GVL.aZones_2", 1), ("s.GVL.aZones_3", 2)]
    assert found["s.GVL.aMotors_1.bOn"].address.endswith(".GVL.aMotors[1].bOn")
    assert reasons(into).keys() == {f"Application.GVL.{name}" for name in ("iCommand", "aGrid", "pThing", "xLost")}
    with pytest.raises(UsageError, match="controller's name"):
        imported("codesys.xml")


def test_codesys_direct_addresses_count_words() -> None:
    found = rows(imported("codesys.xml", bases=("QW0=input:0",)))
    assert {name: (row.address, row.type, row.order) for name, row in found.items()} == {
        "s.GVL.rPressure": ("input:2", "float32", "CDAB"),
        "s.GVL.iCount": ("input:4", "int16", ""),
        "s.GVL.bReady": ("input:0/1", "bool", ""),
    }


def test_tia_tags_by_name() -> None:
    into = imported("tia.csv")
    assert rows(into)["s.Zaehler"].address == 'ns=3;s="Zähler"'
    assert reasons(into).keys() == {"Zeit"}


def test_tia_memory_needs_a_base() -> None:
    without = imported("tia.csv", protocol=Protocol.MODBUS)
    assert not without.rows
    assert "--modbus-base" in reasons(without)["Druck"]
    into = imported("tia.csv", bases=("MW100=holding:0", "I0.0=discrete:0", "DB10.DBW0=holding:50"))
    assert {name: (row.address, row.type, row.order) for name, row in rows(into).items()} == {
        "s.Druck": ("holding:0", "float32", ""),
        "s.Zaehler": ("holding:2", "int16", ""),
        "s.Laeuft": ("holding:3/8", "bool", ""),  # byte 106 is the high byte of its word
        "s.Fehler": ("holding:3/2", "bool", ""),
        "s.Stufe": ("holding:4", "uint8", "BADC"),
        "s.Start": ("discrete:3", "bool", ""),
        "s.Ofen": ("holding:52", "float32", ""),
    }
    assert reasons(into)["Ungerade"] == "it begins in the middle of a register"


@pytest.mark.parametrize("base", ["100", "MW100=banana", "MW100=holding:0/3", "=holding:0"])
def test_a_wrong_base_is_told(base: str) -> None:
    with pytest.raises(UsageError):
        imported("tia.csv", bases=(base,))


def workbook(**sheets: list[list[object]]) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for title, table in sheets.items():
        sheet = book.create_sheet(title.replace("_", " "))
        for line in table:
            sheet.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_tia_workbooks_and_hmi_lists() -> None:
    pytest.importorskip("openpyxl")
    content = workbook(
        TagTable_Properties=[["Path", "BelongsToUnit", "Accessibility"], ["Default tag table", "", ""]],
        PLC_Tags=[
            ["Name", "Path", "Data Type", "Logical Address", "Comment"],
            ["Pressure", "Default tag table", "Real", "%MD100", "bar"],
        ],
        Hmi_Tags=[
            ["Name", "Path", "PLC tag", "DataType"],
            ["Speed", "Default", "Motor_DB.Drives[2].Speed", "Real"],
            ["Internal", "Default", "<No Value>", "Int"],
        ],
        Constants=[["Name", "Path", "Data Type", "Value"], ["Max", "Default tag table", "Int", 7]],
    )
    into = Collection(Options("s"))
    assert read_export(content, "tags.xlsx", None, into) is Tool.TIA
    assert [(row.name, row.address) for row in into.rows] == [
        ("s.Pressure", 'ns=3;s="Pressure"'),
        ("s.Motor_DB.Drives_2.Speed", 'ns=3;s="Motor_DB"."Drives"[2]."Speed"'),
    ]
    assert reasons(into).keys() == {"Internal", "Max"}


@pytest.mark.parametrize(
    "content",
    [
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Symbolconfiguration>&b;</Symbolconfiguration>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><Symbolconfiguration/>',
        b"<Symbolconfiguration>",
        b"<plan/>",
        b"<a>" * 1000,
    ],
)
def test_hostile_xml_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError):
        read_export(content, "x.xml", None, Collection(Options("s", prefix="p")))


def test_types_that_grow_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "MOST_ROWS", 1000)
    types = "".join(
        f'<TypeArray name="T{n}" typeclass="Array" basetype="T{n + 1}"><ArrayDim minrange="0" maxrange="999"/></TypeArray>'
        for n in range(6)
    )
    leaf = '<TypeUserDef name="T6" typeclass="Userdef"><UserDefElement iecname="a" type="T7"/></TypeUserDef>'
    simple = '<TypeSimple name="T7" typeclass="Int" iecname="INT"/>'
    node = '<Node name="x" type="T0" access="Read"/>'
    text = f"<Symbolconfiguration><TypeList>{types}{leaf}{simple}</TypeList><NodeList>{node}</NodeList></Symbolconfiguration>"
    with pytest.raises(UsageError, match="describes more than"):
        read_export(text.encode(), "x.xml", None, Collection(Options("s", prefix="p")))


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"\x00\x01\x02", b"PK\x03\x04broken", b"[1, 2", b"{" * 100_000]
)
def test_what_is_no_export_is_told(content: bytes) -> None:
    with pytest.raises(IiotctlError):
        read_export(content, "x", None, Collection(Options("s")))
