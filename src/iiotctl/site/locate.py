"""Where the site file is: `--site`, then `IIOTCTL_SITE`, then `site.toml` upward from the working directory."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from iiotctl.errors import SiteError

FILE_NAME: Final = "site.toml"
ENV_NAME: Final = "IIOTCTL_SITE"


def find_site(flag: Path | None, start: Path, environ: Mapping[str, str] | None = None) -> Path | None:
    """Absolute path of the site file, or None when nothing names one and none lies above `start`.

    A folder given by flag or environment stands for the `site.toml` in it.

    Raises:
        SiteError: `file-not-found` when the flag or the environment names a file that is not there.
    """
    env = os.environ if environ is None else environ
    for named, origin in ((flag, "--site"), (Path(env[ENV_NAME]) if env.get(ENV_NAME) else None, ENV_NAME)):
        if named is None:
            continue
        path = start / named.expanduser()
        path = path / FILE_NAME if path.is_dir() else path
        if not path.exists():
            raise SiteError(
                "file-not-found", f"the site file `{named}` does not exist", where=origin, hint="iiotctl init"
            )
        return path.absolute()
    for folder in (start.absolute(), *start.absolute().parents):
        candidate = folder / FILE_NAME
        if candidate.is_file():
            return candidate
    return None


def written(path: Path, table: str) -> dict[str, Any]:
    """What a site file says in one of its tables, however broken the rest of it is; {} = nothing that can be read."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return {}
    alone = re.compile(rf"^[ \t]*\[{table}\](?:[^\n]*\n(?![ \t]*\[))*[^\n]*", re.MULTILINE)
    for part in (text, *alone.findall(text)):
        try:
            found = tomllib.loads(part)[table]
        except (tomllib.TOMLDecodeError, KeyError):
            continue
        return found if isinstance(found, dict) else {}
    return {}


def written_store(path: Path) -> str | None:
    """What a site file says of `store.path`, however broken the rest of it is; None = nothing that can be read."""
    place = written(path, "store").get("path")
    return place if isinstance(place, str) and place else None
