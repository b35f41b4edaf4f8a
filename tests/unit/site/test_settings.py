"""Precedence of every setting: flag > environment > site file > user file > default, each with its origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from iiotctl.errors import SiteError, UsageError
from iiotctl.site.settings import KEYS, Origin, Settings, env_name, resolve, user_file
from tests.unit.site.plant import load

GIVEN: dict[str, dict[Origin, Any]] = {
    # key: what each place says (the flag parsed, the others as written)
    "store.path": dict(zip(Origin, ("f", "e", "s", "u"), strict=False)),
    "capture.commit": dict(zip(Origin, (2.0, "3s", "4s", "5s"), strict=False)),
    "capture.seal_every": dict(zip(Origin, (20.0, "30s", "40s", "50s"), strict=False)),
    "capture.seal_size": dict(zip(Origin, (2_000_000, "3MB", "4MB", "5MB"), strict=False)),
    "capture.min_free": dict(zip(Origin, (2_000_000, "3MB", "4MB", "5MB"), strict=False)),
    "pki": dict(zip((Origin.FLAG, Origin.ENVIRONMENT, Origin.USER), ("f", "e", "u"), strict=True)),
}


def world(folder: Path, key: str, places: set[Origin]) -> Settings:
    """Settings when only `places` say something about `key`."""
    table, _, name = key.rpartition(".")
    said = GIVEN[key]
    site = user = ""
    if Origin.SITE in places:
        site = f'[{table}]\n{name} = "{said[Origin.SITE]}"\n'
    env = {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "data")}
    if Origin.USER in places:
        user = (f"[{table}]\n" if table else "") + f'{name} = "{said[Origin.USER]}"\n'
        (folder / "config" / "iiotctl").mkdir(parents=True)
        (folder / "config" / "iiotctl" / "config.toml").write_text(user)
    if Origin.ENVIRONMENT in places:
        env[env_name(key)] = said[Origin.ENVIRONMENT]
    flags = {key: said[Origin.FLAG]} if Origin.FLAG in places else {key: None}
    (folder / "site").mkdir()
    return resolve(load(folder / "site", site), cwd=folder / "cwd", flags=flags, environ=env)


@pytest.mark.parametrize(
    ("key", "strongest"), [(key, origin) for key, said in GIVEN.items() for origin in (*said, Origin.DEFAULT)]
)
def test_precedence(tmp_path: Path, key: str, strongest: Origin) -> None:
    order = list(Origin)
    places = {origin for origin in order[order.index(strongest) :] if origin in GIVEN[key]}
    settings = world(tmp_path, key, places)
    found = next(item for item in settings.origins if item.key == key)
    assert found.origin is strongest
    expected_where = {
        Origin.FLAG: "--" + ("store" if key == "store.path" else key.rpartition(".")[2].replace("_", "-")),
        Origin.ENVIRONMENT: env_name(key),
        Origin.SITE: "site.toml:2",
        Origin.USER: str(tmp_path / "config" / "iiotctl" / "config.toml"),
        Origin.DEFAULT: "",
    }
    assert found.where == expected_where[strongest]


def test_every_setting_is_tested() -> None:
    assert set(GIVEN) == set(KEYS)


@pytest.mark.parametrize(
    ("origin", "base"),
    [(Origin.FLAG, "cwd/f"), (Origin.ENVIRONMENT, "cwd/e"), (Origin.SITE, "site/s"), (Origin.USER, "config/iiotctl/u")],
)
def test_a_relative_store_starts_where_it_was_written(tmp_path: Path, origin: Origin, base: str) -> None:
    assert world(tmp_path, "store.path", {origin}).store == tmp_path / base


def test_defaults(tmp_path: Path) -> None:
    settings = resolve(None, cwd=tmp_path, environ={"HOME": str(tmp_path)})
    assert settings.store == tmp_path / "store"
    assert settings.pki == tmp_path / ".local/share/iiotctl/pki"
    assert settings.state == tmp_path / ".local/state/iiotctl"
    assert (settings.capture.commit, settings.capture.seal_every, settings.capture.min_free) == (1.0, 300.0, None)
    assert {item.key: item.text for item in settings.origins}["capture.min_free"] == "the larger of 2 GB and 5 %"
    assert user_file({"HOME": str(tmp_path)}) == tmp_path / ".config/iiotctl/config.toml"


def test_values_are_parsed_from_the_environment(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "IIOTCTL_CAPTURE_COMMIT": "250ms", "IIOTCTL_CAPTURE_MIN_FREE": "3GB"}
    capture = resolve(None, cwd=tmp_path, environ=env).capture
    assert (capture.commit, capture.min_free) == (0.25, 3_000_000_000)


@pytest.mark.parametrize(
    ("value", "what"),
    [("1", "is not a duration"), ("1ms", "must be at least `200ms`, not `1ms`"), ("2h", "at most `1min`")],
)
def test_a_wrong_variable_is_named(tmp_path: Path, value: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(None, cwd=tmp_path, environ={"HOME": str(tmp_path), "IIOTCTL_CAPTURE_COMMIT": value})
    assert caught.value.where == "IIOTCTL_CAPTURE_COMMIT"
    assert what in caught.value.what


@pytest.mark.parametrize(
    ("text", "slug", "what"),
    [
        ("[stroe]\n", "unknown-key", "unknown key `stroe` in the user file"),
        ("[capture]\ncomit = '1s'\n", "unknown-key", "unknown key `comit`"),
        ("[capture]\ncommit = 1\n", "site-value", "needs a unit"),
        ("nonsense", "toml-syntax", "`config.toml` is not valid TOML"),
    ],
)
def test_a_wrong_user_file(tmp_path: Path, text: str, slug: str, what: str) -> None:
    (tmp_path / "iiotctl").mkdir()
    (tmp_path / "iiotctl" / "config.toml").write_text(text)
    with pytest.raises(SiteError) as caught:
        resolve(None, cwd=tmp_path, environ={"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)})
    assert caught.value.slug == slug
    assert what in caught.value.what
    assert "config.toml" in str(caught.value.where)


def test_a_flag_may_be_text_with_a_unit(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    assert resolve(None, cwd=tmp_path, flags={"capture.commit": "2s"}, environ=environ).capture.commit == 2.0
    with pytest.raises(UsageError) as caught:
        resolve(None, cwd=tmp_path, flags={"capture.seal_every": "0s"}, environ=environ)
    assert (caught.value.slug, caught.value.where) == ("setting-value", "--seal-every")
