"""How operations open a site, and what `site show`, `site check` and `init` make of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iiotctl.errors import SiteError, UsageError
from iiotctl.ops.site import init_site, open_settings, open_site, open_store, source_context
from iiotctl.ops.site_view import check_site, schema_text, site_values
from iiotctl.site.load import load_site
from tests.unit.site.plant import SITE, changed, load


def test_open_site_searches_upward_and_says_when_there_is_none(tmp_path: Path) -> None:
    deep = tmp_path / "a"
    deep.mkdir()
    with pytest.raises(SiteError) as caught:
        open_site(cwd=deep)
    assert caught.value.slug == "no-site"
    assert "iiotctl init" in str(caught.value.hint)
    load(tmp_path)
    assert open_site(cwd=deep).path == tmp_path / "site.toml"


def test_settings_without_a_site(tmp_path: Path) -> None:
    opened = open_settings(cwd=tmp_path, environ={"HOME": str(tmp_path)})
    assert opened.loaded is None
    assert opened.store == tmp_path / "store"
    with pytest.raises(SiteError):
        opened.require_site()
    assert source_context(opened).folder is None


def test_settings_of_a_site(tmp_path: Path) -> None:
    load(tmp_path, SITE + "[store]\npath = 'data'\n")
    opened = open_settings(cwd=tmp_path, environ={"HOME": str(tmp_path)})
    assert opened.store == tmp_path / "data"
    context = source_context(opened, trust_first=True)
    assert (context.folder, context.pki_dir, context.trust_first) == (tmp_path, opened.settings.pki, True)


def test_a_broken_site_file_keeps_nobody_from_a_store_named_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site.toml").write_text("broken")
    assert open_store(None, Path("data"), cwd=tmp_path) == tmp_path / "data"
    with pytest.raises(SiteError):
        open_store(cwd=tmp_path)
    monkeypatch.setenv("IIOTCTL_STORE", "other")
    assert open_store(cwd=tmp_path) == tmp_path / "other"
    assert open_store(None, Path("data"), cwd=tmp_path) == tmp_path / "data"


def test_show_names_every_value_and_its_origin(tmp_path: Path) -> None:
    load(tmp_path)
    opened = open_settings(cwd=tmp_path, environ={"HOME": str(tmp_path), "IIOTCTL_CAPTURE_COMMIT": "5s"})
    rows = {row.key: row for row in site_values(opened)}
    assert (rows["capture.commit"].value, rows["capture.commit"].where) == ("5s", "IIOTCTL_CAPTURE_COMMIT")
    assert (rows["sources.press1.unit"].value, rows["sources.press1.unit"].origin) == ("1", "site file")
    assert rows["sources.press1.unit"].where == "site.toml:9"
    assert (rows["sources.press1.port"].value, rows["sources.press1.port"].origin) == ("502", "default")
    assert rows["sources.line3.publish"].value == "500ms"
    assert rows["sources.press1.never_read"].value == "holding:500-599"
    assert rows["tags"].value == "2 (2 in site.toml)"
    assert rows["zones"].value == "2"


@pytest.mark.parametrize(
    ("new", "shown"),
    [('{ env = "PW" }', "(secret) env PW"), ('{ file = "pw" }', "(secret) file pw")],
)
def test_a_secret_is_shown_by_its_place_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: str, shown: str
) -> None:
    monkeypatch.setenv("PW", "hunter2")
    (tmp_path / "pw").write_text("hunter2")
    load(tmp_path, changed('{ env = "LINE3_PASSWORD" }', new))
    rows = site_values(open_settings(cwd=tmp_path))
    assert next(row.value for row in rows if row.key.endswith("password")) == shown
    assert "hunter2" not in str(rows)


def test_secrets_of_plugins_and_urls_are_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iiotctl.site.load._plugin_types", lambda: ["mqtt"])
    load(
        tmp_path,
        '[sources.b]\ntype = "mqtt"\napi_key = "hunter2"\nlogin = { anything = "hunter2" }\ntopic = "a"\n'
        'broker = "mqtt://me:hunter2@host:1883"\n',
    )
    rows = {row.key: row.value for row in site_values(open_settings(cwd=tmp_path))}
    assert "hunter2" not in str(rows)
    assert rows["sources.b.topic"] == "a"
    assert rows["sources.b.broker"] == "mqtt://(secret)@host:1883"


def test_check_warns_of_what_may_be_right_but_looks_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iiotctl.sources.registry.check", lambda config, tags: [])
    text = changed('user = "reader"', 'user = "reader"\nserver_certificate = "no.der"')
    text += '[sources.rec]\ntype = "replay"\nfile = "no.parquet"\n'
    found = check_site(load(tmp_path, text))
    assert (found.sources, found.tags) == (3, 2)
    assert [(event.source, event.slug) for event in found.warnings] == [
        ("line3", "secret-missing"),
        ("line3", "file-not-found"),
        ("rec", "source-without-tags"),
        ("rec", "file-not-found"),
    ]


def test_check_reports_what_sources_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = SiteError("node-id", "not a node id", where="line3.oven.temperature")
    monkeypatch.setattr(
        "iiotctl.sources.registry.check", lambda config, tags: [refusal] if tags and config.type == "opcua" else []
    )
    with pytest.raises(SiteError) as caught:
        check_site(load(tmp_path))
    assert caught.value.slug == "node-id"
    assert caught.value.where == "site.toml:36"


def test_init_writes_a_site_that_loads_and_overwrites_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "line3"
    assert [path.name for path in init_site(folder)] == ["site.toml", "tags.csv"]
    assert len(load_site(folder / "site.toml").site.tags) == 6
    (folder / "site.toml").unlink()
    (folder / "tags.csv").write_text("mine")
    with pytest.raises(UsageError) as caught:
        init_site(folder)
    assert caught.value.slug == "site-exists"
    assert "`tags.csv`" in caught.value.what
    assert (folder / "tags.csv").read_text() == "mine"
    assert not (folder / "site.toml").exists()


def test_init_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SiteError) as caught:
        init_site(tmp_path / "file" / "x")
    assert caught.value.slug == "file-unwritable"


def test_the_schema_is_json() -> None:
    assert json.loads(schema_text())["title"] == "iiotctl site file"
