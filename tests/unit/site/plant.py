"""A whole site for tests, and shortcuts to load changed copies of it."""

from __future__ import annotations

from pathlib import Path

from iiotctl.errors import SiteError, SiteProblemsError
from iiotctl.site.load import LoadedSite, load_site

SITE = """\
schema = 1
[site]
name = "Plant 1, line 3"
timezone = "Europe/Berlin"

[sources.press1]
type = "modbus-tcp"
host = "192.168.10.21"
unit = 1
period = "1s"
never_read = ["holding:500-599"]
zone = "cell-3"

[sources.line3]
type = "opcua"
url = "opc.tcp://192.168.10.30:4840"
security = "Basic256Sha256-SignAndEncrypt"
user = "reader"
password = { env = "LINE3_PASSWORD" }

[[tags]]
name = "press1.hydraulics.pressure"
source = "press1"
asset = "press1"
kind = "pressure"
address = "holding:11"
type = "float32"
order = "CDAB"
scale = 0.1
invalid = [32767, -32768]
unit = "bar"
span = [0, 250]
limits = { low = 40, high = 210, low_low = 20, high_high = 230 }
deadband = { percent = 0.5 }

[[tags]]
name = "line3.oven.temperature"
source = "line3"
address = "ns=2;s=Oven.Temperature"
unit = "degC"
siblings = ["press1.hydraulics.pressure"]

[[assets]]
name = "press1"
zone = "cell-3"

[[zones]]
name = "cell-3"
purdue = "1"
addresses = ["192.168.10.0/27"]
[[zones]]
name = "engineering"
addresses = ["192.168.20.1-192.168.20.9"]
[[conduits]]
from = "engineering"
to = "cell-3"
services = ["modbus", "opcua"]
"""

MODBUS = """\
schema = 1
tags_file = "tags.csv"
[sources.a]
type = "modbus-tcp"
host = "h"
[sources.b]
type = "modbus-tcp"
host = "h"
unit = 2
"""
"""Two units of one gateway; tags in a list."""


def line_of(text: str, part: str) -> int:
    """Number of the first line that holds `part`."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def load(folder: Path, text: str = SITE, **files: str | bytes) -> LoadedSite:
    """Write a site file and others (`tags_csv="…"` → `tags.csv`) and load them."""
    (folder / "site.toml").write_text(text, encoding="utf-8")
    for name, content in files.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_site(folder / "site.toml")


def problems(folder: Path, text: str = SITE, **files: str | bytes) -> list[SiteError]:
    """The problems of a site; none when it loads."""
    try:
        load(folder, text, **files)
    except SiteProblemsError as error:
        return error.problems
    except SiteError as error:
        return [error]
    return []


def problem(folder: Path, text: str = SITE, **files: str | bytes) -> SiteError:
    """The only problem of a site."""
    (found,) = problems(folder, text, **files)
    return found


def changed(old: str, new: str) -> str:
    """The site with one part replaced; the part must be there."""
    assert old in SITE
    return SITE.replace(old, new, 1)
