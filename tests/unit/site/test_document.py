"""Hostile and damaged files: each ends in one clear error, quickly."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from iiotctl.errors import SiteError, SiteProblemsError
from iiotctl.site import document
from iiotctl.site.load import load_site

MEGABYTE = 1_000_000
NOISE = {
    "bytes": (random.Random(1).randbytes(MEGABYTE), "file-not-text"),
    "printable": ("".join(random.Random(2).choices("abc=[]{}\"'.#\n ,:-\\", k=MEGABYTE)).encode(), "toml-syntax"),
    "nul bytes": (bytes(MEGABYTE), "file-not-text"),
    "brackets": (b"[" * MEGABYTE, "toml-syntax"),
    "arrays": (b"x = " + b"[" * MEGABYTE, "file-too-deep"),
    "inline tables": (b"x = " + b"{a = " * (MEGABYTE // 5), "file-too-deep"),
    "one dotted key": (b"a." * (MEGABYTE // 2) + b"a = 1", "file-too-deep"),
    "one quoted dotted key": (b'"a".' * (MEGABYTE // 4) + b"a = 1", "file-too-deep"),
    "dotted key in a table": (b"x = { " + b"a." * (MEGABYTE // 2) + b"a = 1 }", "file-too-deep"),
    "dotted header": (b"[" + b"a ." * (MEGABYTE // 3) + b"a]", "file-too-deep"),
    "one word": (b"a" * MEGABYTE, "toml-syntax"),
    "quotes": (b'"' * MEGABYTE, "toml-syntax"),
    "digits": (b"x = " + b"1" * MEGABYTE, "toml-syntax"),
    "backslashes": (b"\\" * MEGABYTE, "toml-syntax"),
    "unterminated": (b"x = '''" + b"a" * MEGABYTE, "toml-syntax"),
    "comment": (b"#" * MEGABYTE + b"\nx", "toml-syntax"),
    "carriage returns": (b"a = 1\r" * (MEGABYTE // 6), "toml-syntax"),
    "utf-16": ("schema = 1\n".encode("utf-16"), "file-not-text"),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", NOISE)
def test_a_megabyte_of_noise_is_one_error(tmp_path: Path, name: str) -> None:
    content, slug = NOISE[name]
    path = tmp_path / "site.toml"
    path.write_bytes(content)
    with pytest.raises(SiteError) as caught:
        load_site(path)
    assert not isinstance(caught.value, SiteProblemsError)
    assert caught.value.slug == slug
    text = str(caught.value.as_dict())
    assert len(text) < 1_000
    assert "site.toml" in text


@pytest.mark.timeout(20)
@pytest.mark.parametrize("head", ["", "[site]\n", "[[tags]]\n", "[sources]\n"])
def test_noise_that_happens_to_be_toml_is_capped(tmp_path: Path, head: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(head + "".join(f"k{number} = 1\n" for number in range(50_000)))
    with pytest.raises(SiteProblemsError) as caught:
        load_site(path)
    assert len(caught.value.problems) == 21


def test_many_dots_that_are_no_key_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    addresses = ", ".join(f'"192.168.{number}.0/24"' for number in range(200))
    text = f'[site]\nname = "{"." * 500}"\n[[zones]]\nname = "z"\naddresses = [{addresses}]\n'
    path.write_text(
        text
        + "[[tags]]\nname='t'\nsource='s'\naddress='a'\nspan=["
        + "1.0, 2.0]\n[sources.s]\ntype='opcua'\nurl='opc.tcp://h'"
    )
    assert len(load_site(path).site.zones[0].addresses) == 200


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="does not exist") as caught:
        load_site(tmp_path / "site.toml")
    assert (caught.value.slug, caught.value.hint) == ("file-not-found", "iiotctl init")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="is a folder") as caught:
        load_site(tmp_path)
    assert caught.value.slug == "file-unreadable"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text("")
    path.chmod(0)
    with pytest.raises(SiteError) as caught:
        load_site(path)
    assert caught.value.slug == "file-unreadable"


def test_what_the_system_refuses_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "site.toml"
    path.write_text("")

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SiteError) as caught:
        load_site(path)
    assert (caught.value.slug, caught.value.cause) == ("file-unreadable", "Permission denied")


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "LARGEST_FILE", 10)
    (tmp_path / "site.toml").write_text("schema = 1\n\n")
    with pytest.raises(SiteError) as caught:
        load_site(tmp_path / "site.toml")
    assert caught.value.slug == "file-too-large"


@pytest.mark.parametrize(
    ("text", "where", "hint"),
    [
        ("a = 1\na = 2\n", "site.toml:2, column 6", "text needs quotes"),
        ("a = 1\nname: x\n", "site.toml:2, column 5", "not `key: value`"),
        ('a = "C:\\plant"\n', "site.toml:1, column 10", "single quotes"),
        ("a = 1\nb = [1,\n", "site.toml:3", "text needs quotes"),
    ],
)
def test_syntax_errors_name_the_line(tmp_path: Path, text: str, where: str, hint: str) -> None:
    (tmp_path / "site.toml").write_text(text)
    with pytest.raises(SiteError) as caught:
        load_site(tmp_path / "site.toml")
    assert caught.value.slug == "toml-syntax"
    assert caught.value.where == where
    assert hint in str(caught.value.hint)


def test_a_byte_order_mark_is_harmless(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_bytes(b"\xef\xbb\xbfschema = 1\n")
    assert load_site(tmp_path / "site.toml").where("schema") == "site.toml:1"
