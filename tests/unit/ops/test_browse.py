"""Tag rows and source names from what was browsed, and the files of `init --from-browse`."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import pytest

from iiotctl.errors import IncompleteError, SiteError, UsageError
from iiotctl.ops import init_browse
from iiotctl.ops.browse import Browsed, Wish, source_name, tag_rows
from iiotctl.ops.init_browse import init_from_browse
from iiotctl.ops.opcua_target import target_of
from iiotctl.ops.read import Access, prepare
from iiotctl.site.load import load_site
from iiotctl.sources.opcua.describe import Described
from iiotctl.sources.opcua.units import Unit


def described(*names: str, **more: Any) -> Described:
    values: dict[str, Any] = {
        "names": names,
        "path": "/".join(names),
        "address": f"nsu=urn:a;s={'.'.join(names)}",
        "data_type": "Double",
        "base": 11,
        "value_rank": -1,
        "dimensions": (),
        "unit": Unit(),
        "span": None,
        "instrument_range": None,
        "access": "read",
        "user_access": "read",
        "description": "",
        "problem": "",
    }
    return Described(**{**values, **more})


FOUND = [
    described("Oven", "Temperature", unit=Unit("°C", "CEL"), span=(0.0, 300.0), instrument_range=(-50.0, 400.0)),
    described("oven", "temperature", instrument_range=(0.0, 1.0)),
    described("Door", base=1, description="guard"),
    described("Picture", base=15, problem="values of type ByteString cannot be captured"),
]


def test_rows() -> None:
    first, second, third = tag_rows(FOUND[:3], "line3", ["line3.Door"])
    assert (first.name, first.unit, first.span, first.kind) == (
        "line3.Oven.Temperature",
        "°C",
        (0.0, 300.0),
        "temperature",
    )
    assert (second.name, second.span) == ("line3.oven.temperature_2", (0.0, 1.0))
    assert (third.name, third.kind, third.description) == ("line3.Door_2", "state", "guard")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("opc.tcp://192.168.1.5:4840", "opcua"),
        ("opc.tcp://Line3.plant.example:4840/UA", "line3"),
        ("opc.tcp://localhost", "opcua"),
        ("opc.tcp://[::1]:4840", "opcua"),
    ],
)
def test_source_name(url: str, name: str) -> None:
    assert source_name(url) == name


@pytest.mark.parametrize("given", ["a b", "", "x" * 21, "a.b", "é"])
def test_bad_source_name(given: str) -> None:
    with pytest.raises(UsageError):
        source_name("opc.tcp://h", given)


@pytest.mark.parametrize("text", ["modbus-tcp://h", "nothing", "opc.tcp://"])
def test_only_opcua_servers_are_targets(text: str) -> None:
    with pytest.raises(UsageError):
        target_of(text)


SITE = """
schema = 1
[sources.line3]
type = "opcua"
url = "opc.tcp://PLC7:4840/UA"
security = "Basic256Sha256-Sign"
user = "reader"
password = { env = "X" }
profile = "s7-1500"
[sources.press]
type = "modbus-tcp"
host = "192.0.2.1"
[[tags]]
name = "a"
source = "line3"
address = "i=1"
"""


def test_a_source_of_the_site_keeps_its_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site.toml").write_text(SITE)
    monkeypatch.chdir(tmp_path)
    by_name = target_of("line3")
    assert (by_name.source, by_name.config.security, by_name.taken) == ("line3", "Basic256Sha256-Sign", ("a",))
    assert target_of("opc.tcp://plc7").source == "line3", "the default port and the case of a host do not matter"
    other = target_of("line3", access=Access("Aes256_Sha256_RsaPss-Sign", "boss", "Y"), timeout_s=9).config
    assert (other.security, other.user, other.timeout) == ("Aes256_Sha256_RsaPss-Sign", "boss", 9)
    assert other.password is not None
    assert other.password.env == "Y"
    assert target_of("opc.tcp://plc7", use_site=False).source == ""
    with pytest.raises(UsageError) as caught:
        target_of("lin3")
    assert caught.value.hint == "did you mean `line3`?"
    with pytest.raises(UsageError):
        target_of("press")


def test_a_broken_site_keeps_nobody_from_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site.toml").write_text("schema = [")
    monkeypatch.chdir(tmp_path)
    assert target_of("opc.tcp://plc7:4840").source == ""
    with pytest.raises(SiteError):
        target_of("line3")


def begin(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: list[Described]) -> init_browse.Begun:
    access = Access("Basic256Sha256-Sign", "reader", "LINE3_PASSWORD")
    config: Any = prepare("opc.tcp://plc7:4840/UA", [], security=access).config
    found = Browsed(config, rows, 10, 2, "", [])
    monkeypatch.setattr(init_browse, "browse", lambda *_, **__: found)
    wish = Wish(profile="s7-1500")
    return init_from_browse(folder, "opc.tcp://plc7:4840/UA", wish, access=access, today=dt.date(2026, 11, 21))


def test_site_file_is_valid_and_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINE3_PASSWORD", "plant-42")
    begun = begin(tmp_path / "new", monkeypatch, FOUND)
    assert [path.name for path in begun.paths] == ["site.toml", "tags.csv"]
    site = load_site(begun.paths[0]).site
    assert [tag.name for tag in site.tags] == ["plc7.Oven.Temperature", "plc7.oven.temperature_2", "plc7.Door"]
    source: Any = site.sources["plc7"]
    assert (source.security, source.user, source.password.env) == ("Basic256Sha256-Sign", "reader", "LINE3_PASSWORD")
    assert source.profile == "s7-1500"
    text = begun.paths[0].read_text()
    assert "plant-42" not in text
    assert tomllib.loads(text)["schema"] == 1


def test_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tags.csv").write_text("mine")
    with pytest.raises(UsageError) as caught:
        begin(tmp_path, monkeypatch, FOUND)
    assert caught.value.slug == "site-exists"
    assert [path.name for path in tmp_path.iterdir()] == ["tags.csv"]
    assert (tmp_path / "tags.csv").read_text() == "mine"


def test_nothing_to_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IncompleteError) as caught:
        begin(tmp_path, monkeypatch, FOUND[3:])
    assert "ByteString" in str(caught.value.cause)
    assert not list(tmp_path.iterdir())
