"""`guess` before contact: what is refused, and which registers it would read."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.cli.app import run
from iiotctl.errors import UsageError
from iiotctl.ops.guess import number, prepare
from iiotctl.ops.site import Opened, open_settings

URL = "modbus-tcp://192.0.2.1"


def site(folder: Path, unit: int = 1) -> Opened:
    path = folder / "site.toml"
    path.write_text(
        f'schema = 1\n[sources.press1]\ntype = "modbus-tcp"\nhost = "192.0.2.1"\nunit = {unit}\n'
        'never_read = ["holding:500-599"]\n'
    )
    return open_settings(path)


def test_one_block_of_the_registers_asked_for() -> None:
    wanted = prepare(URL, "40012", registers=4)
    assert str(wanted.block) == "FC 3 holding:11-14"


@pytest.mark.parametrize("address", ["holding:499", "holding:599", "input:500", "40501"])
def test_never_read_of_the_site_is_kept(tmp_path: Path, address: str) -> None:
    loaded = site(tmp_path)
    if address.startswith("input"):
        assert prepare(URL, address, opened=loaded).block.start == 500
        return
    with pytest.raises(UsageError) as caught:
        prepare(URL, address, opened=loaded)
    assert "`holding:500-599`" in caught.value.what
    assert caught.value.where == "source `press1`"


def test_another_unit_is_another_device(tmp_path: Path) -> None:
    assert prepare(URL, "holding:500", opened=site(tmp_path, unit=2)).device.sources == ()


@pytest.mark.parametrize(
    ("url", "address", "more", "told"),
    [
        ("opc.tcp://192.0.2.1:4840", "holding:1", {}, "is no Modbus device that can be asked"),
        (URL, "coil:1", {}, "single bit"),
        (URL, "holding:1/3", {}, "single bit"),
        (URL, "banana", {}, "not a Modbus address"),
        (URL, "holding:65535", {}, "end beyond 65535"),
        (URL, "holding:1", {"registers": 3}, "1, 2 or 4"),
        (URL, "holding:1", {"span": "250..0"}, "not a range"),
        (URL, "holding:1", {"span": "0-250"}, "not a range"),
        (URL, "holding:1", {"span": "0..nan"}, "is no number"),
        (URL, "holding:1", {"measured_in": "bananas"}, "no usual range"),
    ],
)
def test_what_cannot_be_guessed_is_told_before_contact(
    url: str, address: str, more: dict[str, object], told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        prepare(url, address, **more)  # type: ignore[arg-type]
    assert told in caught.value.what


def test_a_unit_of_measure_gives_a_range() -> None:
    assert prepare(URL, "holding:1", measured_in="%").hints.span == (0, 100)
    assert prepare(URL, "holding:1", measured_in="DEGC").hints.span == (-50, 1500)


def test_a_source_of_the_site_is_known_by_its_name(tmp_path: Path) -> None:
    wanted = prepare("press1", "holding:1", opened=site(tmp_path, unit=3), timeout_s=0.5)
    assert (wanted.device.config.unit, wanted.device.config.timeout) == (3, 0.5)
    assert wanted.device.sources == ("press1",)
    with pytest.raises(UsageError, match="never_read"):
        prepare("press1", "holding:550", opened=site(tmp_path))
    with pytest.raises(UsageError, match="not a URL"):
        prepare("press2", "holding:1", opened=site(tmp_path))


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e400", "1,234.5", "1,2,3", "", "warm"])
def test_no_display_shows_that(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        number(text, "--near")
    assert caught.value.where == "--near"
    with pytest.raises(UsageError):
        prepare("modbus-tcp://192.0.2.1", "holding:0", span=f"0..{text}")


@pytest.mark.parametrize(("text", "value"), [("123,4", 123.4), ("-0.5", -0.5), ("1e3", 1000.0)])
def test_a_number_as_displays_show_it(text: str, value: float) -> None:
    assert number(text, "--near") == value


def test_near_is_judged_before_contact() -> None:
    assert run(["guess", "modbus-tcp://192.0.2.1", "holding:0", "--near", "nan"]) == 2
