"""A device is the same device however its host is spelt, and `never_read` of the site file holds for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.cli.app import run
from iiotctl.errors import UsageError
from iiotctl.ops import guess, modbus_browse, read
from iiotctl.ops.site import Opened, open_settings


def site(folder: Path, head: str = 'type = "modbus-tcp"\nhost = "127.0.0.1"\nport = 1502') -> Opened:
    path = folder / "site.toml"
    path.write_text(f'schema = 1\n[sources.plc]\n{head}\nunit = 1\nnever_read = ["holding:500-599"]\n')
    return open_settings(path)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "[::ffff:127.0.0.1]"])
def test_another_spelling_is_the_same_device(tmp_path: Path, host: str) -> None:
    opened = site(tmp_path)
    url = f"modbus-tcp://{host}:1502/1"
    with pytest.raises(UsageError, match="never_read"):
        guess.prepare(url, "holding:550", opened=opened)
    with pytest.raises(UsageError, match="never_read"):
        read.prepare(url, ["holding:499:float32"], opened=opened)
    planned = modbus_browse.plan(url, ["holding:480-620"], opened=opened)
    assert not any(block.start <= 599 and block.end > 500 for block in planned.first)
    assert planned.device.sources == ("plc",)
    assert planned.device.note == ""


@pytest.mark.parametrize(
    "url", ["modbus-tcp://127.0.0.1:1503/1", "modbus-tcp://127.0.0.1:1502/2", "tcp://192.0.2.7:1502"]
)
def test_a_device_that_the_site_does_not_name_is_told(tmp_path: Path, url: str) -> None:
    opened = site(tmp_path)
    request = read.prepare(url, ["holding:550"], opened=opened)
    assert request.note.startswith("no source of `site.toml` is unit ")
    assert modbus_browse.plan(url, opened=opened).device.note == request.note
    assert read.prepare(url, ["holding:550"]).note == ""


def test_a_name_that_cannot_be_resolved_is_compared_as_text(tmp_path: Path) -> None:
    opened = site(tmp_path, 'type = "modbus-tcp"\nhost = "nowhere.invalid"\nport = 1502')
    with pytest.raises(UsageError, match="never_read"):
        read.prepare("modbus-tcp://NOWHERE.invalid:1502", ["holding:550"], opened=opened)
    assert read.prepare("modbus-tcp://elsewhere.invalid:1502", ["holding:550"], opened=opened).note


def test_a_serial_port_has_several_names_too(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "by-id").symlink_to(tmp_path / "ttyUSB0")
    opened = site(tmp_path, f'type = "modbus-rtu"\nport = "{tmp_path}/by-id"\nbaudrate = 9600')
    with pytest.raises(UsageError, match="never_read"):
        read.prepare(f"modbus-rtu://{tmp_path}/ttyUSB0?unit=1", ["holding:550"], opened=opened)


def test_read_looks_for_the_site_file_and_lives_with_a_wrong_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    site(tmp_path)
    assert run(["read", "modbus-tcp://localhost:1502", "holding:550"]) == 2
    assert "never_read" in capsys.readouterr().err
    (tmp_path / "site.toml").write_text("schema = \n")
    assert run(["read", "modbus-tcp://127.0.0.1:1", "holding:550", "--timeout", "100ms"]) == 4
    assert "`never_read` is not known" in capsys.readouterr().err
