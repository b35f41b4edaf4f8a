"""`capture --dry-run` and the ways a capture refuses to begin; no packet leaves this machine."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest

from iiotctl.cli.app import run

SITE = """
schema = 1
[sources.press1]
type = "modbus-tcp"
host = "192.0.2.1"
[sources.slow]
type = "modbus-tcp"
host = "192.0.2.1"
unit = 2
period = "30ms"
[sources.line3]
type = "opcua"
url = "opc.tcp://192.0.2.2:4840"
[[tags]]
name = "a"
source = "press1"
address = "holding:11"
type = "float32"
[[tags]]
name = "b"
source = "slow"
address = "holding:0"
[[tags]]
name = "c"
source = "line3"
address = "ns=2;s=Oven"
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(SITE)
    return path


def test_a_dry_run_opens_no_socket(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> NoReturn:
        raise AssertionError("a socket was used")

    for name in ("connect", "connect_ex", "sendto", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert run(["capture", "--dry-run", "--site", str(site), "--format", "json"]) == 0
    shown = capsys.readouterr()
    rows = json.loads(shown.out)["rows"]
    assert [(row["source"], row["registers"], row["tags"]) for row in rows] == [
        ("press1", 2, 1),
        ("slow", 1, 1),
        ("line3", None, 1),
    ]
    assert rows[0]["request"] == "unit 1 FC 3 holding:11-12"
    assert rows[2]["request"].startswith("subscribe 1 items")
    assert not (site.parent / "store").exists()


def test_a_dry_run_for_people_says_how_long_a_cycle_takes(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["capture", "--dry-run", "--site", str(site)]) == 0
    shown = capsys.readouterr()
    assert "press1: 1 tag, 1 request, 2 registers; a cycle takes about 20 ms, a request every 20 ms" in shown.err
    assert "192.0.2.1:502 (press1, slow) would be busy 69 % of the time" not in shown.err
    assert "nothing was sent" in shown.err
    assert run(["capture", "--dry-run", "--site", str(site), "--source", "slow"]) == 0
    assert "press1" not in capsys.readouterr().out


def test_a_dry_run_says_what_a_wider_gap_saves(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tags = "".join(
        f'[[tags]]\nname = "slow.t{n}"\nsource = "slow"\naddress = "holding:{100 + 3 * n}"\n' for n in range(40)
    )
    site.write_text(SITE + tags)
    assert run(["capture", "--dry-run", "--site", str(site), "--source", "slow"]) == 0
    shown = capsys.readouterr().err
    assert "slow: `max_gap = 2` would need 2 requests instead of 41" in shown
    assert "read 78 addresses that no tag declares" in shown
    site.write_text(site.read_text().replace("[sources.slow]", "[sources.slow]\nmax_gap = 2"))
    assert run(["capture", "--dry-run", "--site", str(site), "--source", "slow"]) == 0
    assert "slow: `max_gap = 2` saves 39 of 41 requests and reads 78 addresses" in capsys.readouterr().err


def test_an_overloaded_gateway_is_named(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.write_text(SITE.replace('"30ms"', '"20ms"'))
    assert run(["capture", "--dry-run", "--site", str(site)]) == 0
    assert "192.0.2.1:502 (press1, slow) would be busy 102 % of the time" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "slug"),
    [
        (["--source", "pres1"], 2, "unknown-name"),
        (["--for", "10"], 2, "bad-value"),
        (["--for", "0s"], 2, "bad-value"),
        (["status"], 5, "capture-never-ran"),
        (["reload"], 5, "capture-not-running"),
    ],
)
def test_refusals(site: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, slug: str) -> None:
    place = [] if words[0] in ("status", "reload") else ["--site", str(site), "--store", str(site.parent / "store")]
    after = ["--site", str(site)] if not place else []
    assert run(["capture", *place, *words, *after]) == code
    assert f"error[{slug}]" in capsys.readouterr().err


def test_a_site_without_tags_is_refused(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.write_text("schema = 1\n")
    assert run(["capture", "--site", str(site)]) == 3
    assert "error[nothing-to-capture]" in capsys.readouterr().err


def test_a_network_path_is_refused(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["capture", "--site", str(site), "--store", "s3://bucket/x", "--for", "1s"]) == 5
    assert "error[store-remote]" in capsys.readouterr().err


def test_a_missing_secret_is_told_before_a_store_is_made(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LINE3_PASSWORD", raising=False)
    login = 'security = "Basic256Sha256-SignAndEncrypt"\nuser = "reader"\npassword = { env = "LINE3_PASSWORD" }\n'
    site.write_text(SITE.replace('url = "opc.tcp://192.0.2.2:4840"\n', f'url = "opc.tcp://192.0.2.2:4840"\n{login}'))
    assert run(["capture", "--for", "1s", "--site", str(site)]) == 3
    said = capsys.readouterr().err
    assert "error[secret-missing]" in said
    assert "LINE3_PASSWORD" in said
    assert not (site.parent / "store").exists()
    assert run(["capture", "--dry-run", "--site", str(site)]) == 0
    assert "LINE3_PASSWORD" in capsys.readouterr().err


@pytest.mark.parametrize(
    "case",
    [
        ('schema = 1\n[store]\npath = "data"\n[sources.x]\ntype = "nonsense"\n', "data"),
        ('schema = 1\n[store]\npath = "data"\n[sources.x\ntyp', "data"),
        ('store.path = "data"\nschema = 9\n', "data"),
        ("schema = [\n", "store"),
        ("\x00", "store"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_a_half_edited_site_file_blinds_no_monitor(
    case: tuple[str, str],
    check: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content, folder = case
    (tmp_path / "site.toml").write_text(content)
    monkeypatch.chdir(tmp_path)
    assert run(["capture", "status", *(["--check"] if check else [])]) == 5
    told = capsys.readouterr().err
    assert "error[capture-never-ran]" in told
    assert f"where: {tmp_path / folder}\n" in told
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("IIOTCTL_STORE", str(elsewhere))
    assert run(["capture", "status", "--site", "site.toml"]) == 5
    assert f"where: {elsewhere}\n" in capsys.readouterr().err
