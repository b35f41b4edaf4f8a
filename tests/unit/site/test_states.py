"""`[states]` and `[audit]` of the site file."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.errors import SiteError
from iiotctl.site.load import load_site
from iiotctl.site.model import Site

_REST = """
schema = 1
[sources.plc1]
type = "modbus-tcp"
host = "192.0.2.1"
[[tags]]
name = "press1.run"
source = "plc1"
address = "coil:1"
asset = "press1"
[[tags]]
name = "press1.mode"
source = "plc1"
address = "holding:1"
asset = "press1"
enum = { "0" = "auto", "2" = "service" }
"""


def _load(folder: Path, text: str, rest: str = _REST) -> Site:
    (folder / "site.toml").write_text(rest + text)
    return load_site(folder / "site.toml").site


def test_states_and_settings_of_audits(tmp_path: Path) -> None:
    site = _load(
        tmp_path,
        """
[audit]
exceptions = "known.toml"
reward = "30min"
[states.press1]
off = "press1.run = 0"
maintenance = "press1.mode = 'service'"
settle = "5min"
""",
    )
    states = site.states["press1"]
    assert (list(states.conditions()), states.watched, states.settle) == (
        ["maintenance", "off"],
        ("press1.mode", "press1.run"),
        300,
    )
    assert states.holds_for("press1", "any", "press1")
    assert not states.holds_for("press1", "press1.run", "oven")
    assert (site.audit.exceptions, site.audit.reward) == ("known.toml", 1800)


def test_without_them_there_are_none(tmp_path: Path) -> None:
    site = _load(tmp_path, "")
    assert (site.states, site.audit.exceptions, site.audit.reward) == ({}, None, 7200)


def test_globs_name_other_tags(tmp_path: Path) -> None:
    states = _load(tmp_path, '[states.hall]\noff = "press1.run = 0"\ntags = ["press1.*"]').states["hall"]
    assert states.holds_for("hall", "press1.mode", "")
    assert not states.holds_for("hall", "oven.t", "hall")


def test_without_tags_in_the_file_those_of_the_store_are_meant(tmp_path: Path) -> None:
    assert _load(tmp_path, '[states.press1]\noff = "flow = 0"', "schema = 1\n").states


@pytest.mark.parametrize(
    ("text", "slug", "what"),
    [
        ('[states.press1]\noff = "press1.run rises"', "site-value", "is a moment"),
        ('[states.press1]\noff = "press1.run = 0 for 5s"', "site-value", "no `hysteresis` and no `for`"),
        ('[states.press1]\noff = "press1.run ="', "site-value", "a number is expected"),
        ('[states.press1]\noff = "press1.rum = 0"', "state-tag", "unknown tag `press1.rum`"),
        ("[states.press1]\noff = \"press1.mode = 'nix'\"", "state-tag", "the text `nix`"),
        ("[states.press1]\noff = \"press1.run = 'on'\"", "state-tag", "the text `on`"),
        ('[states.oven]\noff = "press1.run = 0"', "state-tag", "holds for no tag"),
        ('[states.press1]\noof = "press1.run = 0"', "unknown-key", "`oof`"),
        ("[states]\npress1 = 3", "site-value", "`[states.press1]`"),
        ('[audit]\nreward = "soon"', "site-value", "reward"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, slug: str, what: str) -> None:
    with pytest.raises(SiteError) as caught:
        _load(tmp_path, text)
    assert (caught.value.slug, what in caught.value.what) == (slug, True), caught.value
    assert (caught.value.where or "").startswith("site.toml:")
