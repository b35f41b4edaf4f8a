"""The unit file: made of what holds now, safe whatever the names, and approved by systemd's own checker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from iiotctl.errors import UsageError
from iiotctl.ops.service import Unit, unit
from iiotctl.ops.site import open_settings
from tests.peers import require_tool

SITE = """\
schema = 1
[site]
name = "Plant 1, 100 % steel"
timezone = "UTC"
[sources.press1]
type = "modbus-tcp"
host = "192.168.10.21"
[sources.line3]
type = "opcua"
url = "opc.tcp://192.168.10.30:4840"
user = "reader"
password = { env = "LINE3_PASSWORD" }
"""
SERIAL = """\
[sources.bus]
type = "modbus-rtu-listen"
port = "PORT"
"""


def tag(name: str, source: str, address: str) -> str:
    return f'[[tags]]\nname = "{name}"\nsource = "{source}"\naddress = "{address}"\n'


TAGS = tag("a", "press1", "holding:1") + tag("b", "line3", "ns=2;s=b")


def made(folder: Path, site: str = SITE + TAGS, **environ: str) -> Unit:
    folder.mkdir(exist_ok=True)
    (folder / "site.toml").write_text(site, encoding="utf-8")
    opened = open_settings(folder / "site.toml", None)
    return unit(opened, program=[sys.executable, "-m", "iiotctl"], run_as="root", environ={"HOME": "/home/x"} | environ)


def values(text: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{key}=")]


def test_it_captures_this_site_into_this_store(tmp_path: Path) -> None:
    text = made(tmp_path).text
    [command] = values(text, "ExecStart")
    assert command.startswith(f"{sys.executable} -m iiotctl capture --site {tmp_path}/site.toml")
    assert f"--store {tmp_path}/store" in command
    assert command.endswith("--log-format json")
    assert str(tmp_path / "store") in values(text, "ReadWritePaths")
    assert values(text, "Type") == ["notify"]
    assert values(text, "WatchdogSec") == ["60"]
    assert values(text, "User") == ["root"]


def test_names_cannot_break_out_of_their_line(tmp_path: Path) -> None:
    strange = tmp_path / 'a b"$HOME%h'
    text = made(strange, (SITE + TAGS).replace("steel", "steel\\nExecStartPre=/bin/true")).text
    assert values(text, "ExecStartPre") == []
    [command] = values(text, "ExecStart")
    assert f'"{tmp_path}/a b\\"$$HOME%%h/site.toml"' in command
    assert f'"{tmp_path}/a b\\"$HOME%%h/store"' in values(text, "ReadWritePaths")


@pytest.mark.parametrize("name", ["bad user", "", "a\nExecStartPre=/bin/true", "%u", "1plant", "$(id)", "x" * 33])
def test_nobody_is_called_like_that(tmp_path: Path, name: str) -> None:
    made(tmp_path)
    with pytest.raises(UsageError) as caught:
        unit(open_settings(tmp_path / "site.toml", None), program=["/bin/x"], run_as=name, environ={})
    assert caught.value.where == "--run-as"


@pytest.mark.parametrize("name", ["plant", "_iiotctl", "jo.doe-2", "host$"])
def test_people_are_called_like_that(tmp_path: Path, name: str) -> None:
    made(tmp_path)
    opened = open_settings(tmp_path / "site.toml", None)
    assert values(unit(opened, program=["/bin/x"], run_as=name, environ={"HOME": "/x"}).text, "User") == [name]


def test_settings_of_the_shell_go_along(tmp_path: Path) -> None:
    text = made(tmp_path, IIOTCTL_CAPTURE_COMMIT="2s", XDG_CONFIG_HOME="/etc/plant", OTHER="x").text
    found = values(text, "Environment")
    assert "IIOTCTL_CAPTURE_COMMIT=2s" in found
    assert "XDG_CONFIG_HOME=/etc/plant" in found
    assert not [item for item in found if item.startswith("OTHER")]


def test_secrets_come_from_a_file_of_root_and_stand_nowhere(tmp_path: Path) -> None:
    made_unit = made(tmp_path, LINE3_PASSWORD="pa55word")
    assert values(made_unit.text, "EnvironmentFile") == ["/etc/iiotctl/secrets.env"]
    assert any("LINE3_PASSWORD=…" in note for note in made_unit.notes)
    assert "pa55word" not in made_unit.text + "".join(made_unit.notes)


def test_addresses_are_offered_only_where_all_are_known(tmp_path: Path) -> None:
    assert "#IPAddressAllow=192.168.10.21 192.168.10.30" in made(tmp_path).text
    assert "IPAddress" not in made(tmp_path, (SITE + TAGS).replace("192.168.10.21", "press1.plant")).text


@pytest.mark.parametrize(
    ("port", "allowed"),
    [
        ("/dev/ttyS0", ["char-ttyS rw"]),
        ("/dev/ttyUSB3", ["char-ttyUSB rw"]),
        ("/dev/serial/by-id/usb-FTDI_x-if00-port0", ["char-ttyACM rw", "char-ttyUSB rw"]),
    ],
)
def test_serial_ports_are_the_only_devices(tmp_path: Path, port: str, allowed: list[str]) -> None:
    site = SITE + SERIAL.replace("PORT", port) + TAGS + tag("c", "bus", "holding:1")
    text = made(tmp_path, site).text
    assert values(text, "DeviceAllow") == allowed
    assert values(text, "DevicePolicy") == ["closed"]
    assert values(text, "SupplementaryGroups") == ["dialout"]
    assert values(made(tmp_path).text, "PrivateDevices") == ["yes"]


@pytest.mark.parametrize("port", ["", "/dev/ttyS0"])
def test_systemd_takes_it_and_finds_little_to_fear(tmp_path: Path, port: str) -> None:
    tool = require_tool("systemd-analyze", "apt-get install systemd")
    site = SITE + (SERIAL.replace("PORT", port) if port else "") + TAGS + (tag("c", "bus", "holding:1") if port else "")
    path = tmp_path / "iiotctl.service"
    path.write_text(made(tmp_path, site).text.replace("User=root", "User=daemon"), encoding="utf-8")
    verified = subprocess.run([tool, "verify", path], capture_output=True, text=True)
    ours = [line for line in verified.stderr.splitlines() if path.name in line]
    assert (verified.returncode, ours) == (0, [])
    words = [tool, "security", "--offline=yes", "--threshold=25", "--no-pager", path]
    judged = subprocess.run(words, capture_output=True, text=True)
    assert judged.returncode == 0, judged.stdout.splitlines()[-1]
