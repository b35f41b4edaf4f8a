"""Browsing a node-opcua server: paths, units, ranges, access; and from there to a site that captures every tag."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from iiotctl.errors import IncompleteError, SourceError, UsageError
from iiotctl.ops.browse import Wish, browse
from iiotctl.ops.opcua_target import target_of
from iiotctl.ops.read import Access
from tests.cli.shell import assert_our_form, iiotctl
from tests.integration.opcua_peer import URI, Server, make_pair, running

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tree")
    certificate, key = make_pair(folder, "server")
    with running(folder, tree=True, maxBrowse=3, maxRead=50, certificate=str(certificate), key=str(key)) as started:
        yield started


def test_a_folder_in_full(server: Server) -> None:
    found = browse(target_of(server.url), Wish(("Line3",), values=True))
    rows = {row.path: row for row in found.rows}
    assert list(rows) == [
        "Line3/Oven/Temperature",
        "Line3/Oven/Pressure",
        "Line3/Oven/Setpoint",
        "Line3/Presse 7 &/ Süd/Öl°Druck",
        "Line3/Presse 7 &/ Süd/Door",
        "Line3/Presse 7 &/ Süd/Secret",
        "Line3/Presse 7 &/ Süd/Picture",
    ]
    oven = rows["Line3/Oven/Temperature"]
    assert (oven.address, oven.data_type, oven.value_rank) == (f"nsu={URI};s=Oven.Temperature", "Double", -1)
    assert (oven.unit.text, oven.unit.code, oven.span, oven.instrument_range) == ("°C", "CEL", (0, 300), (-50, 400))
    assert (oven.description, oven.value, oven.status) == ("Zone 1, measured at the door", 20.0, "Good")
    assert rows["Line3/Oven/Pressure"].span is None, "0 to 0 is no range"
    assert rows["Line3/Oven/Setpoint"].user_access == "read write"
    assert rows["Line3/Presse 7 &/ Süd/Door"].address == f"nsu={URI};s=Door;1%"
    assert "does not let us read" in rows["Line3/Presse 7 &/ Süd/Secret"].problem
    assert rows["Line3/Presse 7 &/ Süd/Secret"].value is None
    assert "ByteString" in rows["Line3/Presse 7 &/ Süd/Picture"].problem
    assert not found.stopped


def test_many_children_come_in_pieces(server: Server) -> None:
    found = browse(target_of(server.url), Wish(("Many/N*",)))
    assert [row.path for row in found.rows] == [f"Many/N{i}" for i in range(1200)]


def test_arrays_are_told_apart(server: Server) -> None:
    (array,) = browse(target_of(server.url), Wish(("Array",))).rows
    assert (array.value_rank, array.dimensions, array.is_array) == (1, (3,), True)
    assert "element" in array.problem


def test_stopped_early_says_so_and_ends_with_8(server: Server) -> None:
    done = iiotctl("browse", server.url, "--max-nodes", "100", "--format", "jsonl")
    assert done.returncode == 8
    assert "warning: stopped after 100 nodes" in done.stderr
    assert 30 < len(done.stdout.splitlines()) <= 100


def test_nothing_matches(server: Server) -> None:
    with pytest.raises(IncompleteError) as caught:
        browse(target_of(server.url), Wish(("line3/*",)))
    assert caught.value.slug == "browse-empty"
    assert caught.value.hint == "did you mean `Line3`?"


@pytest.mark.parametrize("profile", ["s7-1500", "kepware"])
def test_limits_of_a_profile(server: Server, profile: str) -> None:
    assert len(browse(target_of(server.url), Wish(("Line3",), profile=profile)).rows) == 7


def test_secure_browsing_needs_trust(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    access = Access("Basic256Sha256-SignAndEncrypt")
    monkeypatch.setenv("IIOTCTL_PKI", str(tmp_path))
    with pytest.raises(SourceError) as caught:
        browse(target_of(server.url, access=access), Wish(("Line3",)))
    assert caught.value.slug == "opcua-certificate-unknown"
    assert f"iiotctl certificate check {server.url}" in str(caught.value.hint)
    trusting = Access("Basic256Sha256-SignAndEncrypt", trust_first=True)
    assert len(browse(target_of(server.url, access=trusting), Wish(("Line3",))).rows) == 7


def test_table_json_and_tag_rows(server: Server, tmp_path: Path) -> None:
    table = iiotctl("browse", server.url, "Line3/Oven/*", "--values")
    assert table.returncode == 0, table.stderr
    assert "Line3/Oven/Temperature" in table.stdout
    document = json.loads(iiotctl("browse", server.url, "Line3/Oven/*", "--format", "json").stdout)
    assert document["rows"][0]["unit_code"] == "CEL"
    target = tmp_path / "tags.csv"
    done = iiotctl("browse", server.url, "Line3", "--tags-csv", target, "--source", "line3")
    assert done.returncode == 0
    assert "left out 1 variable: values of type ByteString cannot be captured" in done.stderr
    lines = target.read_text().splitlines()
    assert lines[0] == "name,source,address,unit,span,kind,description"
    assert lines[1].startswith(f"line3.Oven.Temperature,line3,nsu={URI};s=Oven.Temperature,°C,0;300,temperature,")
    again = iiotctl("browse", server.url, "Line3", "--tags-csv", target)
    assert again.returncode == 2
    assert_our_form(again.stderr, "output-exists")
    assert "[[tags]]" in iiotctl("browse", server.url, "Line3/Oven/*", "--toml").stdout


def test_from_browse_to_samples_of_every_tag(server: Server, tmp_path: Path) -> None:
    words = ("--from-browse", server.url, "--path", "Line3", "--path", "Many/N1?", "--path", "Counter")
    secure = ("--security", "Basic256Sha256-SignAndEncrypt", "--trust-first")
    done = iiotctl("init", tmp_path / "site", *words, *secure)
    assert done.returncode == 0, done.stderr
    assert "16 tags of source `opcua`" in done.stderr
    assert "iiotctl site check" in done.stderr
    folder = tmp_path / "site"
    checked = iiotctl("site", "check", cwd=folder)
    assert (checked.returncode, "16 tags, no problems" in checked.stdout) == (0, True), checked.stderr
    captured = iiotctl("capture", "--for", "5s", "--no-live", cwd=folder)
    assert captured.returncode == 0, captured.stderr
    asked = iiotctl(
        "query", "SELECT count(DISTINCT tag) n FROM samples WHERE value IS NOT NULL", "--format", "csv", cwd=folder
    )
    assert asked.stdout.split() == ["n", "16"], captured.stderr
    # in the folder of the site a source is known by its name, with its security, and new rows avoid its tags
    more = iiotctl("browse", "opcua", "Line3/Oven/Temperature", "--tags-csv", "-", cwd=folder)
    assert more.stdout.splitlines()[1].startswith("opcua.Line3.Oven.Temperature_2,opcua,"), more.stderr
    repeated = iiotctl("init", folder, *words)
    assert repeated.returncode == 2
    assert_our_form(repeated.stderr, "site-exists")


def test_init_options_need_a_url() -> None:
    done = iiotctl("init", "--user", "x")
    assert done.returncode == 2
    assert_our_form(done.stderr, "bad-value")


def test_dead_host(tmp_path: Path) -> None:
    done = iiotctl("browse", "opc.tcp://127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 4
    assert_our_form(done.stderr, "source-refused")
    with pytest.raises(UsageError):
        target_of("opc.tcp://")
