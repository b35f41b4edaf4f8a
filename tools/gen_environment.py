"""Write docs/reference/environment.md from the settings that have a variable."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

HEAD = """\
# Environment variables

A value is looked for in this order, and the first one found counts: flag, environment variable, site file,
user file (`~/.config/iiotctl/config.toml`), default. `iiotctl site show --origin` says where each value comes
from. An empty variable counts as not set. A variable that begins with `IIOTCTL_` and stands in no list of this page
has no effect, and every command warns of it; names of secrets are left alone.

## Settings

| variable | same as in the site file | meaning |
|---|---|---|
"""

MIDDLE = """
## Everything else

| variable | meaning |
|---|---|
"""

TAIL = """
Secrets of a site are variables too, with names of your choice: `password = { env = "LINE3_PASSWORD" }`.

This page is made from the program by `make gen`.
"""


def pages() -> dict[Path, str]:
    """The page with its text."""
    from iiotctl.cli._shells import ENVIRONMENT
    from iiotctl.site.model import CaptureSettings
    from iiotctl.site.settings import KEYS, env_name

    settings = [("IIOTCTL_STORE", "`[store]` `path`", ENVIRONMENT["IIOTCTL_STORE"])]
    for key in KEYS:
        table, _, name = key.rpartition(".")
        if table == "capture":
            meaning = CaptureSettings.model_fields[name].description or ""
            settings.append((env_name(key), f"`[capture]` `{name}`", meaning))
    rows = "".join(f"| `{name}` | {same} | {meaning} |\n" for name, same, meaning in settings)
    others = "".join(f"| `{name}` | {text} |\n" for name, text in ENVIRONMENT.items() if name != "IIOTCTL_STORE")
    return {ROOT / "docs" / "reference" / "environment.md": HEAD + rows + MIDDLE + others + TAIL}


if __name__ == "__main__":
    from tools._pages import run

    sys.exit(run(pages()))
