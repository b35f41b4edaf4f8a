"""Which site file holds: flag, environment, then upward."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.errors import SiteError
from iiotctl.site.locate import find_site


def test_flag_wins_over_environment_over_search(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    for name in ("site.toml", "flag.toml", "env.toml"):
        (tmp_path / name).write_text("")
    env = {"IIOTCTL_SITE": str(tmp_path / "env.toml")}
    assert find_site(tmp_path / "flag.toml", deep, env) == tmp_path / "flag.toml"
    assert find_site(None, deep, env) == tmp_path / "env.toml"
    assert find_site(None, deep, {}) == tmp_path / "site.toml"
    assert find_site(None, deep, {"IIOTCTL_SITE": ""}) == tmp_path / "site.toml"


def test_the_nearest_file_upward_wins(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "site.toml").write_text("")
    (tmp_path / "a" / "site.toml").write_text("")
    assert find_site(None, deep, {}) == tmp_path / "a" / "site.toml"


def test_a_folder_stands_for_the_file_in_it(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("")
    assert find_site(tmp_path, Path("/"), {}) == tmp_path / "site.toml"


def test_a_relative_flag_starts_from_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("")
    assert find_site(Path("x.toml"), tmp_path, {}) == tmp_path / "x.toml"


@pytest.mark.parametrize(
    ("flag", "env", "where"), [("no.toml", {}, "--site"), (None, {"IIOTCTL_SITE": "no.toml"}, "IIOTCTL_SITE")]
)
def test_a_named_file_must_exist(tmp_path: Path, flag: str | None, env: dict[str, str], where: str) -> None:
    with pytest.raises(SiteError) as caught:
        find_site(None if flag is None else Path(flag), tmp_path, env)
    assert (caught.value.slug, caught.value.where) == ("file-not-found", where)


def test_none_when_there_is_none(tmp_path: Path) -> None:
    assert find_site(None, tmp_path, {}) is None
