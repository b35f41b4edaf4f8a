"""The site file that the simulator writes is valid, and says what the tags are."""

from __future__ import annotations

import tomllib
from pathlib import Path

from iiotctl.simulator.sitefile import site_toml
from iiotctl.simulator.tags import TAGS
from iiotctl.site.load import load_site


def test_it_loads_and_holds_every_tag(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(site_toml("127.0.0.1", 15020, 14840), encoding="utf-8")
    site = load_site(path).site
    assert [tag.name for tag in site.tags] == [tag.name for tag in TAGS]
    for ours, theirs in zip(TAGS, site.tags, strict=True):
        assert (theirs.scale, theirs.offset, theirs.unit, theirs.span) == (
            ours.scale,
            ours.offset,
            ours.unit,
            ours.span,
        )
        if ours.address:
            assert (str(theirs.data_type), theirs.order, theirs.invalid) == (ours.type, ours.order, ours.broken)


def test_a_protocol_that_is_not_served_is_left_out() -> None:
    document = tomllib.loads(site_toml("::1", None, 14840))
    assert set(document["sources"]) == {"line1"}
    assert document["sources"]["line1"]["url"] == "opc.tcp://[::1]:14840"
    assert {tag["source"] for tag in document["tags"]} == {"line1"}
    assert set(tomllib.loads(site_toml("127.0.0.1", 15020, None))["sources"]) == {"press1", "cooling1", "meter1"}
