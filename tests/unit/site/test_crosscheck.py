"""Values that share registers: when one address or type must be wrong, and when it is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.site.plant import MODBUS, problem, problems

HEAD = "name,source,address,type\n"


@pytest.mark.parametrize(
    "rows",
    [
        "x,a,holding:10,float32\ny,a,holding:11,float32\n",
        "x,a,holding:10,string(10)\ny,a,holding:14,string(2)\n",
        "x,a,holding:10,float64\ny,a,holding:12,uint16\n",
        "x,a,40011,uint32\ny,a,holding:11,uint32\n",
        "x,a,holding:0,string(250)\nfar,a,holding:200,uint16\ny,a,holding:124,float32\n",
    ],
)
def test_overlap(tmp_path: Path, rows: str) -> None:
    error = problem(tmp_path, MODBUS, tags_csv=HEAD + rows)
    assert error.slug == "overlapping-tags"
    assert "`x`" in error.what
    assert "`y`" in error.what
    assert error.where is not None
    assert error.where.endswith("column address")
    assert error.cause is not None
    assert error.cause == "`x` is in tags.csv:2 column address"


@pytest.mark.parametrize(
    "rows",
    [
        "x,a,holding:10,float32\ny,a,holding:12,float32\n",
        "x,a,holding:10,float32\ny,a,holding:10,float32\n",
        "x,a,holding:10,float32\ny,a,holding:10,uint32\n",
        "x,a,holding:10,uint32\ny,a,holding:11,uint16\n",
        "x,a,holding:10,uint32\ny,a,holding:10/3,bool\n",
        "x,a,holding:10,float32\ny,b,holding:11,float32\n",
        "x,a,holding:10,float32\ny,a,input:11,float32\n",
        "x,a,coil:10,bool\ny,a,coil:10,bool\n",
    ],
)
def test_no_overlap(tmp_path: Path, rows: str) -> None:
    assert problems(tmp_path, MODBUS, tags_csv=HEAD + rows) == []


def test_two_sources_of_one_unit_are_one_address_space(tmp_path: Path) -> None:
    site = MODBUS.replace("unit = 2", "unit = 1").replace('host = "h"\nunit', 'host = "H"\nunit')
    rows = "x,a,holding:10,float32\ny,b,holding:11,float32\n"
    assert problem(tmp_path, site, tags_csv=HEAD + rows).slug == "overlapping-tags"


def test_a_value_longer_than_a_request(tmp_path: Path) -> None:
    site = MODBUS.replace('host = "h"\n', 'host = "h"\nmax_registers = 4\n', 1)
    assert problems(tmp_path, site, tags_csv=HEAD + "x,a,holding:0,float64\n") == []
    error = problem(tmp_path, site, tags_csv=HEAD + "x,a,holding:0,string(10)\n")
    assert (error.slug, error.where) == ("modbus-address", "tags.csv:2 column type")


BUS = """\
schema = 1
[site]
name = "p"
timezone = "UTC"
[sources.a]
type = "modbus-rtu-listen"
port = "/dev/ttyUSB0"
unit = 1
[sources.b]
type = "modbus-rtu-listen"
port = "/dev/ttyUSB0"
unit = 2
"""


@pytest.mark.parametrize(
    ("changed", "slug"),
    [
        (BUS + "baudrate = 9600\n", "serial-settings-differ"),
        (BUS + 'parity = "none"\n', "serial-settings-differ"),
        (BUS.replace("modbus-rtu-listen", "modbus-rtu", 1), "serial-port-shared"),
    ],
)
def test_sources_on_one_serial_port_agree(tmp_path: Path, changed: str, slug: str) -> None:
    tags = HEAD + "x,a,holding:10,uint16\ny,b,holding:10,uint16\n"
    assert problems(tmp_path, BUS, tags_csv=tags) == []
    assert problem(tmp_path, changed, tags_csv=tags).slug == slug
    assert problems(tmp_path, changed.replace("/dev/ttyUSB0", "/dev/ttyUSB1", 1), tags_csv=tags) == []
