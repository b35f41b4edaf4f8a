"""`init --from-browse`: a site file and a tag list from what an OPC UA server offers right now."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iiotctl.ops.browse import Browsed, Wish, browse, source_name, tag_list
from iiotctl.ops.opcua_target import target_of
from iiotctl.ops.read import Access
from iiotctl.ops.site import check_unused, init_site
from iiotctl.site.locate import FILE_NAME
from iiotctl.site.sources import OpcUaSource
from iiotctl.site.tagrows import to_csv

TAG_LIST: Final = "tags.csv"
_HEAD: Final = """\
## The site file of iiotctl, made on {day} from what {url} offered.
## Check it with:  iiotctl site check
## All keys:       docs/reference/site-file.md; `iiotctl init DIR` elsewhere writes a commented sample
schema = 1
## a row a tag: take out what you do not need, in Excel if you like
tags_file = "{tags}"

[site]
name = {site}
timezone = "UTC"

"""


@dataclass(frozen=True, slots=True)
class Begun:
    """What was written.

    Attributes:
        paths: the files.
        source: name of the source.
        tags: rows of the tag list.
        browsed: what the walk found, with its notes.
    """

    paths: list[Path]
    source: str
    tags: int
    browsed: Browsed


def init_from_browse(
    folder: Path,
    url: str,
    wish: Wish,
    *,
    source: str | None = None,
    access: Access | None = None,
    today: dt.date | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Begun:
    """Browse a server and write `site.toml` and `tags.csv` into a folder.

    Args:
        folder: where to; made when it is not there.
        url: `opc.tcp://…`.
        wish: which variables.
        source: name of the source; made from the host's name when None.
        access: secure channel and user; written into the site file, the password as a reference.
        today: date for the head of the file.
        report: told (nodes seen, variables found).

    Raises:
        UsageError: `site-exists` and what `browse` raises; nothing is written then.
        IncompleteError: no variable matches, or none that can be captured.
        SourceError: the server cannot be reached or browsed.
    """
    check_unused(folder, (FILE_NAME, TAG_LIST))
    name = source_name(url, source)
    found = browse(target_of(url, access=access, use_site=False), wish, report=report)
    rows = tag_list(found, name)
    day = today or dt.datetime.now(dt.UTC).date()
    head = _HEAD.format(day=day.isoformat(), url=url, tags=TAG_LIST, site=json.dumps(name))
    files = {FILE_NAME: head + source_table(name, found.config, wish.profile), TAG_LIST: to_csv(rows)}
    return Begun(init_site(folder, files), name, len(rows), found)


def source_table(name: str, config: OpcUaSource, profile: str | None) -> str:
    """`[sources.NAME]` of a source as it was dialled; the password stays a reference."""
    lines = [f"[sources.{name}]", 'type = "opcua"', f"url = {json.dumps(config.url)}"]
    lines.append(f'security = "{config.security}"')
    if config.user is not None:
        lines.append(f"user = {json.dumps(config.user)}")
    if config.password is not None and config.password.env is not None:
        lines.append(f"password = {{ env = {json.dumps(config.password.env)} }}")
    if profile is not None:
        lines.append(f"profile = {json.dumps(profile)}")
    lines += ["## sampling interval, and how often the server sends what it has", 'period = "1s"', 'publish = "500ms"']
    return "\n".join(lines) + "\n"
