"""Secrets by reference: found where they are kept, missed clearly, shown nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iiotctl.errors import SiteError
from iiotctl.events import Event, Level
from iiotctl.site.secrets import place_of, reveal
from iiotctl.site.sources import Secret


def test_from_the_environment() -> None:
    assert reveal(Secret(env="PW"), None, environ={"PW": "hunter2"}) == "hunter2"
    assert place_of(Secret(env="PW")) == "env PW"


@pytest.mark.parametrize("content", ["hunter2", "hunter2\n", "hunter2\r\n", "\ufeffhunter2\n"])
def test_from_a_file_beside_the_site(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pw"
    path.write_bytes(content.encode())
    path.chmod(0o600)
    events: list[Event] = []
    assert reveal(Secret(file="pw"), tmp_path, on_event=events.append) == "hunter2"
    assert events == []
    assert place_of(Secret(file="pw")) == "file pw"


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX idea")
@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_file_that_others_can_read_is_said(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "pw"
    path.write_text("hunter2")
    path.chmod(mode)
    events: list[Event] = []
    reveal(Secret(file="pw"), tmp_path, on_event=events.append)
    (event,) = events
    assert (event.level, event.slug) == (Level.WARNING, "secret-readable")
    assert "hunter2" not in str(event)
    assert "chmod 600" in event.text


@pytest.mark.parametrize("environ", [{}, {"PW": ""}])
def test_a_missing_variable(environ: dict[str, str]) -> None:
    with pytest.raises(SiteError) as caught:
        reveal(Secret(env="PW"), None, environ=environ)
    assert caught.value.slug == "secret-missing"
    assert "`PW`" in caught.value.what


@pytest.mark.parametrize(
    ("name", "content", "slug"),
    [
        ("none", None, "secret-missing"),
        ("empty", b"\n", "secret-missing"),
        ("binary", b"\xff\xfe\x80", "secret-unreadable"),
        ("large", b"x" * 100_000, "secret-unreadable"),
        (".", None, "secret-unreadable"),
    ],
)
def test_a_file_that_holds_no_secret(tmp_path: Path, name: str, content: bytes | None, slug: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SiteError) as caught:
        reveal(Secret(file=name), tmp_path)
    assert caught.value.slug == slug
