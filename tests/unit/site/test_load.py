"""The site file: what is right loads with its places, what is wrong is said with file, line and a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.errors import SiteProblemsError
from iiotctl.site.address import Order
from iiotctl.site.load import MOST_SHOWN, load_site
from iiotctl.site.sources import ModbusTcpSource, OpcUaSource, PluginSource
from tests.unit.site.plant import SITE, changed, line_of, load, problem, problems


def test_a_right_site_loads_with_its_places(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    site = loaded.site
    assert site.site.name == "Plant 1, line 3"
    assert isinstance(site.sources["press1"], ModbusTcpSource)
    assert isinstance(site.sources["line3"], OpcUaSource)
    assert site.sources["press1"].period == 1.0
    assert site.tags[0].order is Order.CDAB
    assert site.tags[0].deadband_absolute == pytest.approx(1.25)
    assert site.conduits[0].from_ == "engineering"
    assert loaded.folder == tmp_path
    assert loaded.where("sources", "press1", "host") == f"site.toml:{line_of(SITE, 'host =')}"
    assert loaded.where("sources", "press1", "timeout") == f"site.toml:{line_of(SITE, '[sources.press1]')}"
    assert loaded.where("capture") == "site.toml"
    assert loaded.tag_where("line3.oven.temperature", "unit") == f"site.toml:{line_of(SITE, 'degC')}"
    assert loaded.tag_where("no.such.tag") == "site.toml"
    assert [tag.name for tag in site.tags_of("line3")] == ["line3.oven.temperature"]


def test_an_empty_file_is_a_site_without_anything(tmp_path: Path) -> None:
    assert load(tmp_path, "").site.sources == {}


WRONG = [
    # old, new, slug, line of, in what, in hint
    ("host = ", "hots = ", "missing-key", "[sources.press1]", "`host` is missing in `[sources.press1]`", None),
    ("host = ", "host = 1#", "site-value", "host =", '`host` must be text in quotes, e.g. `"text"`, not 1', None),
    ('"192.168.10.21"', '"tcp://192.168.10.21"', "site-value", "host =", "without scheme, path or blanks", None),
    ('"192.168.10.21"', '"192.168.10.21:502"', "site-value", "host =", "write `port = …`", None),
    ('"192.168.10.21"', '"192.168.10.21 "', "site-value", "host =", "without scheme, path or blanks", None),
    ("tcp://192.168.10.30", "tcp://me:hunter2@h", "site-value", "url =", "`url` holds a user name or password;", None),
    ("unit = 1\n", "unit = 300\n", "site-value", "unit = 300", "`unit` must be at most 255, not 300", None),
    ("unit = 1\n", "unit = 1.5\n", "site-value", "unit = 1.5", "`unit` must be a whole number, not 1.5", None),
    ('period = "1s"', "period = 1", "site-value", "period = 1", 'write `"1s"` or `"1ms"`', None),
    ('period = "1s"', 'period = "1ms"', "site-value", "period =", "`period` must be at least `10ms`, not `1ms`", None),
    ('period = "1s"', 'period = "1 sec"', "site-value", "period =", "`sec` is not a unit of time", None),
    ('"CDAB"', '"CDBA"', "site-value", "order =", "must be one of `ABCD`, `CDAB`, `BADC`, `DCBA`", "did you mean"),
    ('"float32"', '"flot32"', "site-value", 'type = "flot', "`flot32` is not a type", "`float32`"),
    ("kind = ", "knid = ", "unknown-key", "knid =", "unknown key `knid` in tag", "did you mean `kind`?"),
    ("-SignAndEncrypt", "-SignEncrypt", "site-value", "security =", "must be one of", "SignAndEncrypt"),
    ('"opc.tcp:', '"http:', "site-value", "url =", "`url` must start with `opc.tcp://`", None),
    ("{ percent = 0.5 }", '"half"', "site-value", "deadband =", "`deadband` must be a number", "percent = 0.5"),
    (
        "{ percent = 0.5 }",
        "{ percent = 120 }",
        "site-value",
        "deadband =",
        "`deadband.percent` must be at most 100, not 120",
        "percent = 0.5",
    ),
    (
        "{ percent = 0.5 }",
        "{ percent = nan }",
        "site-value",
        "deadband =",
        "`deadband.percent` must be",
        "percent = 0.5",
    ),
    (
        "{ percent = 0.5 }",
        "{ percnt = 1, percent = 1 }",
        "unknown-key",
        "deadband =",
        "unknown key `percnt`",
        "`percent`?",
    ),
    ("{ percent = 0.5 }", "{}", "missing-key", "deadband =", "`deadband.percent` is missing", "percent = 0.5"),
    (
        "{ percent = 0.5 }",
        "-1.0",
        "site-value",
        "deadband =",
        "`deadband` must be at least 0, not -1.0",
        "percent = 0.5",
    ),
    ("{ percent = 0.5 }", "inf", "site-value", "deadband =", "`deadband` must be a finite number", "percent = 0.5"),
    ("[0, 250]", "[0, 1, 2]", "site-value", "span =", "`span` has 3 values; it takes 2", None),
    ("[0, 250]", "[0, inf]", "site-value", "span =", "`span` must be a finite number, not inf", None),
    ("low = 40", "low = nan", "site-value", "limits =", "`limits.low` must be a finite number, not nan", None),
    ('kind = "pressure"', "rollover = inf", "site-value", "rollover", "must be a finite number, not inf", None),
    ('kind = "pressure"', 'enum = { a = "b" }', "site-value", "enum =", "`a` is none", None),
    ("[0, 250]", "[0]", "site-value", "span =", "`span` has too few values", None),
    ("[0, 250]", "[250, 0]", "site-value", "span =", "low < high", None),
    ("low = 40", "low = 400", "site-value", "limits =", "limits must rise", None),
    ("low = 40", "lwo = 40", "unknown-key", "limits =", "unknown key `lwo` in `limits`", "did you mean `low`?"),
    ("Europe/Berlin", "Europe/Berln", "unknown-timezone", "timezone =", '"Europe/Berln"', "`Europe/Berlin`"),
    ("Europe/Berlin", "../etc/passwd", "unknown-timezone", "timezone =", "unknown time zone", None),
    ('"modbus-tcp"', '"modbus-tpc"', "unknown-source-type", "tpc", '"modbus-tpc"', "did you mean `modbus-tcp`?"),
    ('"modbus-tcp"', "7", "unknown-source-type", "type = 7", "unknown type 7", "known types: modbus-tcp"),
    ('type = "modbus-tcp"\n', "", "missing-key", "[sources.press1]", "`type` is missing", None),
    ('source = "press1"', 'source = "pres1"', "unknown-source", '"pres1"', "unknown source `pres1`", "`press1`"),
    ('asset = "press1"', 'asset = "pres1"', "unknown-asset", '"pres1"', "unknown asset `pres1`", "`press1`"),
    ('zone = "cell-3"', 'zone = "cel-3"', "unknown-zone", '"cel-3"', "unknown zone `cel-3`", "`cell-3`"),
    ('to = "cell-3"', 'to = "office"', "unknown-zone", "to =", "unknown zone `office`", "known: cell-3"),
    ('["press1.h', '["pres1.h', "unknown-tag", "siblings =", "unknown tag `pres1", "did you mean"),
    ('["press1.hydraulics.pressure"]', '["line3.oven.temperature"]', "site-value", "siblings", "the tag itself", None),
    ("192.168.10.0/27", "192.168.10.0/270", "site-value", "/270", "is not an address, network or range", "/27"),
    ("20.1-192.168.20.9", "20.9-192.168.20.1", "site-value", "20.9-", "is not an address", None),
    ("schema = 1", "schema = 2", "schema-newer", "schema", "this iiotctl knows 1", "pipx upgrade"),
    ("schema = 1", 'schema = "1"', "site-value", "schema", '`schema` must be 1, not "1"', None),
    ("schema = 1", "schema = true", "site-value", "schema", "`schema` must be 1, not true", None),
    ('"holding:11"', '"holdin:11"', "modbus-address", "holdin:", "is not a Modbus address", None),
    ('"holding:11"', '"40000"', "modbus-address", "40000", "start at 1", None),
    ('"holding:11"', '"coil:11"', "modbus-address", 'type = "float32"', "is one bit", "bool"),
    ('"holding:11"', '"holding:11/3"', "modbus-address", 'type = "float32"', "is one bit", "bool"),
    ('"holding:11"', '"holding:65535"', "modbus-address", ":65535", "ends beyond 65535", None),
    ('"holding:11"', '"holding:499"', "tag-in-never-read", ":499", "`never_read` range `holding:500-599`", None),
    ('"holding:11"', "40012", "site-value", "address = 40012", "`address` must be text in quotes", None),
    ('["holding:500-599"]', '["holding:x"]', "site-value", "never_read", "is not a range of addresses", None),
    ('unit = "degC"', "element = -1", "site-value", "element", "at least 0", None),
    ('kind = "pressure"', "element = 0", "site-value", "element", "OPC UA arrays", None),
    ('"press1.hydraulics.pressure"\nsource', '"pre ss"\nsource', "site-value", '"pre ss"', "a name has letters", None),
    ("[32767, -32768]", '["x"]', "site-value", "invalid", '`invalid` must be a whole number, not "x"', None),
    ("scale = 0.1", "scale = 0", "site-value", "scale", "`scale` must not be 0", None),
    ("scale = 0.1", "scale = nan", "site-value", "scale", "must be a finite number", None),
    ("scale = 0.1", 'scale = "0.1"', "site-value", "scale", "`scale` must be a number", None),
    ('user = "reader"', 'user_key = "k"', "site-value", "user_key", "belong together", None),
    ("[sources.line3]", '[sources."li ne"]', "site-value", "li ne", "cannot name a source", None),
    ("[[assets]]", "[assets]", "site-value", "[assets]", "write `[[assets]]`", None),
    ("[site]\n", "site = 1\n[other]\n", "site-value", "site = 1", "write `[site]`", None),
    ("[sources.press1]", "[sources]\nx = 1\n[sources.press1]", "site-value", "x = 1", "must be a table, not 1", None),
    ("schema = 1", "schema = 1\ntags_file = 3", "site-value", "tags_file", "a file name or a list", None),
    ("schema = 1", 'schema = 1\ntags_file = "no.csv"', "file-not-found", "tags_file", "no.csv` does not exist", None),
    ("[site]", '[site]\ntags_file = "x"', "unknown-key", "tags_file", "unknown key `tags_file`", "top of the file"),
    ("schema = 1", "schema = 1\nzonse = 1", "unknown-key", "zonse", "in the site file", "did you mean `zones`?"),
]


@pytest.mark.parametrize(("old", "new", "slug", "at", "what", "hint"), WRONG, ids=lambda value: str(value)[:30])
def test_one_mistake(  # noqa: PLR0917 - columns of the table above
    tmp_path: Path, old: str, new: str, slug: str, at: str, what: str, hint: str | None
) -> None:
    text = changed(old, new)
    found = [item for item in problems(tmp_path, text) if item.slug == slug]
    assert found, problems(tmp_path, text)
    error = found[0]
    assert what in error.what
    assert error.where == f"site.toml:{line_of(text, at)}"
    assert hint is None or hint in (error.hint or "")


def test_all_problems_come_together_in_the_order_of_lines(tmp_path: Path) -> None:
    text = changed("unit = 1\n", "unit = 300\n").replace("kind =", "knid =").replace("Europe/Berlin", "Mars")
    found = problems(tmp_path, text)
    assert [item.slug for item in found] == ["unknown-timezone", "site-value", "unknown-key"]
    with pytest.raises(SiteProblemsError):
        load_site(tmp_path / "site.toml")


def test_many_problems_are_capped(tmp_path: Path) -> None:
    text = SITE + "".join(f"[[tags]]\nname = 'n{number}'\n" for number in range(5_000))
    found = problems(tmp_path, text)
    assert len(found) == MOST_SHOWN + 1
    assert found[-1].slug == "more-problems"
    assert "9,980" in found[-1].what or "9980" in found[-1].what


def test_a_duplicate_names_both_places(tmp_path: Path) -> None:
    text = changed('"line3.oven.temperature"', '"press1.hydraulics.pressure"').replace('siblings = ["press1.', "#")
    error = problem(tmp_path, text)
    assert error.slug == "duplicate-tag"
    assert error.where == f"site.toml:{line_of(text, 'ns=2') - 2}"
    assert error.cause == f"first used in site.toml:{line_of(text, 'hydraulics.pressure')}"


def test_an_invalid_source_is_not_reported_again_by_its_tags(tmp_path: Path) -> None:
    assert [item.slug for item in problems(tmp_path, changed("unit = 1\n", "unit = -1\n"))] == ["site-value"]


@pytest.mark.parametrize(
    "value", ['"hunter2"', '{ env = "A", file = "hunter2" }', '["hunter2"]', '{ text = "hunter2" }']
)
def test_a_secret_in_the_file_is_refused_and_never_shown(tmp_path: Path, value: str) -> None:
    for error in problems(tmp_path, changed('{ env = "LINE3_PASSWORD" }', value)):
        assert error.slug in ("secret-in-file", "unknown-key")
        assert "hunter2" not in str(error.as_dict())


@pytest.mark.parametrize("host", ["192.168.10.21", "plc-7.line3.local", "::1", "fe80::1%eth0"])
def test_hosts(tmp_path: Path, host: str) -> None:
    assert problems(tmp_path, changed("192.168.10.21", host)) == []


def test_names_of_assets_and_zones_are_free_until_one_is_declared(tmp_path: Path) -> None:
    text = SITE[: SITE.index("[[assets]]")]
    assert problems(tmp_path, text) == []


def test_a_twice_declared_zone(tmp_path: Path) -> None:
    error = problem(tmp_path, changed('name = "engineering"', 'name = "cell-3"').replace('"engineering"', '"cell-3"'))
    assert error.slug == "duplicate-name"


def test_a_source_type_of_a_plugin_is_accepted_with_its_own_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iiotctl.site.load._plugin_types", lambda: ["mqtt"])
    text = 'schema = 1\n[sources.broker]\ntype = "mqtt"\nhost = "b"\nperiod = "2s"\ntopics = ["a"]\n'
    source = load(tmp_path, text).site.sources["broker"]
    assert isinstance(source, PluginSource)
    assert source.period == 2.0
    assert source.model_extra == {"host": "b", "topics": ["a"]}
    (error,) = problems(tmp_path, text.replace("mqtt", "mqt"))
    assert error.hint == "did you mean `mqtt`?"
