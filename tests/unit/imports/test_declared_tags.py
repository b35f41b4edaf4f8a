"""Imported tags that the site file declares are stored with what it says about them."""

from __future__ import annotations

import json
from pathlib import Path

from iiotctl.imports.work import Options
from iiotctl.ops.import_ import run
from iiotctl.site.load import load_site
from tests.unit.history.stores import ask

SITE = """schema = 1
[site]
name = "plant1"
[sources.plc]
type = "modbus-tcp"
host = "127.0.0.1"
[[tags]]
name = "power"
source = "plc"
address = "holding:1"
type = "uint16"
scale = 0.1
unit = "kW"
description = "active power"
[[tags]]
name = "state"
source = "plc"
address = "holding:2"
type = "uint16"
kind = "state"
stepped = true
enum = { 0 = "idle", 1 = "run" }
[[tags]]
name = "words"
source = "plc"
address = "holding:3"
type = "uint16"
enum = { 0 = "idle", 1 = "run" }
"""
ROWS = """timestamp,tag,value
2026-11-02T08:00:00Z,power,10.5
2026-11-02T08:00:00Z,state,1
2026-11-02T08:00:00Z,words,idle
2026-11-02T08:00:00Z,other,7
"""


def test_the_site_says_what_a_declared_tag_is(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "rows.csv").write_text(ROWS)
    declared = load_site(tmp_path / "site.toml").site
    root = tmp_path / "store"
    list(run([tmp_path / "rows.csv"], root, Options(), lambda event: None, site="plant1", declared=declared))
    columns = "tag, unit, kind, stepped, scale, description, type, mode, source, address"
    assert ask(root, f"SELECT {columns} FROM tags ORDER BY tag") == [
        ("other", "", None, None, 1.0, "", None, "imported", "import", "rows.csv: other"),
        ("power", "kW", None, None, 1.0, "active power", "uint16", "imported", "import", "rows.csv: power"),
        ("state", "", "state", True, 1.0, "", "uint16", "imported", "import", "rows.csv: state"),
        ("words", "", None, None, 1.0, "", None, "imported", "import", "rows.csv: words"),
    ]
    state, words = ask(root, "SELECT enum FROM tags WHERE tag IN ('state', 'words') ORDER BY tag")
    assert words == (None,)
    assert json.loads(str(state[0])) == {"0": "idle", "1": "run"}
