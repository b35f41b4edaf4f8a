"""What `site show` and `site check` tell about a site: every value with its origin, secrets never."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from iiotctl.errors import SiteError
from iiotctl.events import Event, Level
from iiotctl.ops.site import Opened
from iiotctl.site.load import LoadedSite, joined
from iiotctl.site.model import Tag
from iiotctl.site.plain import is_duration
from iiotctl.site.reduction import PercentDeadband, Reduction
from iiotctl.site.secrets import HIDDEN, place_of, reveal
from iiotctl.site.settings import Origin
from iiotctl.site.sources import (
    BUILTIN_SOURCES,
    OpcUaSource,
    PluginSource,
    ReplaySource,
    Secret,
    SourceBase,
    SourceConfig,
)
from iiotctl.site.units import format_duration
from iiotctl.sources import profiles

_SECRET_KEY: Final = re.compile(r"pass(word|wd|phrase)?|secret|token|credential|api_?key|private", re.IGNORECASE)
_USER_INFO: Final = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class SiteValue:
    """One effective value.

    Attributes:
        key: as in the site file, e.g. `sources.press1.host`.
        value: as a person would write it; a secret as the place it is kept in.
        origin: flag, environment, site file, user file, `profile NAME` or default.
        where: `--store`, `IIOTCTL_STORE`, `site.toml:12`; "" for a default.
    """

    key: str
    value: str
    origin: str
    where: str


def site_values(opened: Opened) -> list[SiteValue]:
    """Every setting and every key of the sources, in the order of the file."""
    rows: list[SiteValue] = []
    loaded = opened.loaded
    if loaded is not None:
        rows.append(SiteValue("site", str(loaded.path), "", ""))
        rows += _model_values(loaded, loaded.site.site, ("site",))
    rows += [SiteValue(item.key, item.text, str(item.origin), item.where) for item in opened.settings.origins]
    if loaded is not None:
        for name, source in loaded.site.sources.items():
            rows += _model_values(loaded, source, ("sources", name))
        rows += _counts(loaded)
    return rows


def _model_values(loaded: LoadedSite, model: BaseModel, path: tuple[str, ...]) -> Iterator[SiteValue]:
    written: Any = loaded.document.data
    for key in path:
        written = written.get(key, {})
    values: dict[str, Any] = {name: getattr(model, name) for name in type(model).model_fields}
    values |= model.model_extra or {}
    filled = _from_profile(model)
    for key, value in (values | dict(filled)).items():
        given = key in written
        if value is None or (not given and value in ("", ())):
            continue
        origin = str(Origin.SITE) if given else str(Origin.DEFAULT)
        yield SiteValue(
            ".".join((*path, key)),
            _text(type(model), key, value),
            f"profile {values['profile']}" if key in filled else origin,
            loaded.where(*path, key) if given else "",
        )


def _from_profile(model: BaseModel) -> Mapping[str, Any]:
    if not isinstance(model, SourceBase) or profiles.problems(model):
        return {}  # a profile that does not fit is for `site check` to tell
    return profiles.filled_in(model)


def _text(model: type[BaseModel], key: str, value: object) -> str:
    if isinstance(value, Secret):
        return f"{HIDDEN} {place_of(value)}"
    if issubclass(model, PluginSource) and key not in PluginSource.model_fields and _may_hold_secret(key, value):
        return HIDDEN
    if is_duration(model, key) and isinstance(value, float):
        return format_duration(value)
    if isinstance(value, tuple | list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _USER_INFO.sub(f"{HIDDEN}@", str(value))


def _may_hold_secret(key: str, value: object) -> bool:
    # what a plugin keeps in a table is unknown to us, so a table is never shown
    return isinstance(value, Mapping) or _SECRET_KEY.search(key) is not None


def _counts(loaded: LoadedSite) -> Iterator[SiteValue]:
    site = loaded.site
    files = Counter(re.split(r":| sheet ", loaded.tag_where(tag.name))[0] for tag in site.tags)
    detail = ", ".join(f"{count} in {name}" for name, count in files.items())
    yield SiteValue("tags", f"{len(site.tags)}" + (f" ({detail})" if detail else ""), str(Origin.SITE), "")
    for number, rule in enumerate(site.reduction):
        text = f"{', '.join(rule.tags)}: {how_stored(rule)}"
        yield SiteValue(f"reduction.{number + 1}", text, str(Origin.SITE), loaded.where("reduction", number))
    for key in ("assets", "events", "zones", "conduits"):
        rows = getattr(site, key)
        if rows:
            yield SiteValue(key, str(len(rows)), str(Origin.SITE), loaded.where(key))


def how_stored(of: Tag | Reduction) -> str:
    """What of a tag's samples is stored, in a few words.

    Args:
        of: a tag, with what rules give it; or a rule.
    """
    every = format_duration(of.heartbeat)
    if isinstance(of.deadband, PercentDeadband):
        words = [f"changes above {of.deadband.percent:g} %, at least every {every}"]
    elif of.deadband is not None:
        band = f"changes above {of.deadband:g}" if of.deadband else "changes"
        words = [f"{band}, at least every {every}"]
    else:
        words = [f"at least every {every}"] if isinstance(of, Reduction) and "heartbeat" in of.model_fields_set else []
    if not of.raw:
        words = []
    if of.rollup or not of.raw:
        lengths = " ".join(format_duration(length) for length in of.rollup)
        words.append(f"{'' if of.raw else 'only '}roll-ups of {lengths}".removesuffix(" of "))
    return "; ".join(words) or "all"


@dataclass(frozen=True, slots=True)
class SiteCheck:
    """A site without errors.

    Attributes:
        path: the site file.
        sources: number of sources.
        tags: number of tags.
        warnings: what a person should look at before capturing.
    """

    path: str
    sources: int
    tags: int
    warnings: tuple[Event, ...]


def check_site(loaded: LoadedSite) -> SiteCheck:
    """Judge what can be known without contact.

    Raises:
        SiteError: a source refuses its tags (`SiteProblemsError` when several).
        PluginError: the package of a source type cannot be loaded.
    """
    from iiotctl.ops.tags import offline_problems

    problems = [problem for _, found in offline_problems(loaded, loaded.site.tags) for problem in found]
    if problems:
        raise joined(problems)
    warnings: list[Event] = []
    for name, source in loaded.site.sources.items():
        warnings += _source_warnings(loaded, name, source)
    return SiteCheck(str(loaded.path), len(loaded.site.sources), len(loaded.site.tags), tuple(warnings))


def _source_warnings(loaded: LoadedSite, name: str, source: SourceConfig) -> Iterator[Event]:
    if not loaded.site.tags_of(name):
        yield Event(
            Level.WARNING, "source-without-tags", f"no tag is read from it ({loaded.where('sources', name)})", name
        )
    files: list[str | None] = []
    if isinstance(source, OpcUaSource):
        files = [source.user_certificate, source.user_key, source.certificate, source.private_key]
        files.append(source.server_certificate)
        if source.password is not None:
            yield from _secret_warnings(loaded, name, source.password)
    elif isinstance(source, ReplaySource):
        files = [source.file]
    for file in files:
        if file is not None and not (loaded.folder / file).is_file():
            yield Event(Level.WARNING, "file-not-found", f"the file `{file}` does not exist", name)


def _secret_warnings(loaded: LoadedSite, name: str, secret: Secret) -> list[Event]:
    found: list[Event] = []
    try:
        reveal(secret, loaded.folder, on_event=found.append, environ=os.environ)
    except SiteError as error:
        found.append(Event(Level.WARNING, error.slug, error.what))
    return [Event(event.level, event.slug, event.text, name) for event in found]


def schema_text() -> str:
    """The JSON Schema of the site file as text, with the source types of installed plugins."""
    from iiotctl.site.jsonschema import site_schema
    from iiotctl.sources.registry import names

    plugins = tuple(name for name in names() if name not in BUILTIN_SOURCES)
    return json.dumps(site_schema(plugins), indent=2, ensure_ascii=False)
