"""The site file as a whole: read, validate, cross-check; every problem with its file and line.

All problems are reported together, because an engineer who mends a tag list wants the whole list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from iiotctl.errors import SiteError, SiteProblemsError
from iiotctl.site import rules as rules_
from iiotctl.site.cells import RawTag
from iiotctl.site.crosscheck import cross_check
from iiotctl.site.document import Document, read_document
from iiotctl.site.events import EventDefinition
from iiotctl.site.fields import Model
from iiotctl.site.model import (
    SCHEMA_VERSION,
    Asset,
    AuditSettings,
    CaptureSettings,
    Conduit,
    RetainSettings,
    Site,
    SiteInfo,
    StoreSettings,
    Tag,
    Zone,
)
from iiotctl.site.plain import Where, did_you_mean, keys_of, one_line, problems_of, show
from iiotctl.site.reduction import Reduction
from iiotctl.site.ring import RingTable
from iiotctl.site.rules import Rule, reduced
from iiotctl.site.sources import BUILTIN_SOURCES, PluginSource, SourceConfig
from iiotctl.site.states import AssetStates
from iiotctl.site.taglist import read_tag_list

MOST_SHOWN: Final = 20
"""Problems shown of one file; more would only hide the first."""

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_LINE: Final = re.compile(r"^(.*?)(?::| sheet .* cell [A-Z]+| sheet .* row )(\d+)")
AnyModel = TypeVar("AnyModel", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class LoadedSite:
    """A valid site and where its parts were written.

    Attributes:
        site: the validated site; `site.tags` holds inline tags first, then those of the tag lists.
        path: absolute path of the site file.
        folder: its folder; relative paths in the file start here.
        document: the parsed file.
        tag_places: where each tag was written, by name.
    """

    site: Site
    path: Path
    folder: Path
    document: Document
    tag_places: Mapping[str, Where] = field(repr=False)

    def where(self, *keys: str | int) -> str:
        """Place of a key, e.g. `where("sources", "press1", "host")` → `site.toml:41`."""
        return self.document.where(*keys)

    def tag_where(self, name: str, *keys: str) -> str:
        """Place of a tag or of one of its keys, e.g. `tags.csv:7 column order`; the site file for an unknown tag."""
        place = self.tag_places.get(name)
        return self.document.name if place is None else place(*keys)


def load_site(path: Path) -> LoadedSite:
    """Read, validate and cross-check a site file and its tag lists.

    Raises:
        SiteError: the one problem found.
        SiteProblemsError: several; at most `MOST_SHOWN` and a count of the rest.
    """
    absolute = path.absolute()
    document = read_document(absolute)
    _check_schema(document)
    loader = _Loader(document, absolute.parent)
    site = loader.load()
    if loader.problems or site is None:
        raise joined(loader.problems)
    return LoadedSite(site, absolute, absolute.parent, document, loader.tag_places)


def joined(problems: Sequence[SiteError]) -> SiteError:
    """One error to raise for one or many problems, in the order of their lines."""
    ordered = sorted(problems, key=_place)
    if len(ordered) == 1:
        return ordered[0]
    shown = ordered[:MOST_SHOWN]
    if len(ordered) > MOST_SHOWN:
        shown.append(
            SiteError(
                "more-problems",
                f"{len(ordered) - MOST_SHOWN} more problems are not shown",
                hint="mend the first ones and run `iiotctl site check` again",
            )
        )
    return SiteProblemsError(shown)


def _place(problem: SiteError) -> tuple[str, int]:
    match = _LINE.match(problem.where or "")
    # the site file before its tag lists, as a reader would open them
    return (match[1], int(match[2])) if match else (problem.where or "", 0)


def _check_schema(document: Document) -> None:
    version = document.data.get("schema", SCHEMA_VERSION)
    if isinstance(version, int) and not isinstance(version, bool) and version > SCHEMA_VERSION:
        raise SiteError(
            "schema-newer",
            f"`{document.name}` has `schema = {version}`; this iiotctl knows {SCHEMA_VERSION}",
            where=document.where("schema"),
            hint="update iiotctl: `pipx upgrade iiotctl`, or `uv tool upgrade iiotctl`",
        )
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise SiteError(
            "site-value",
            f"`schema` must be {SCHEMA_VERSION}, not {show(version)}",
            where=document.where("schema"),
        )


def _plugin_types() -> list[str]:
    from importlib.metadata import entry_points

    return sorted({entry.name for entry in entry_points(group="iiotctl.sources")} - BUILTIN_SOURCES.keys())


class _Loader:
    """One pass over a document; collects problems instead of stopping at the first."""

    def __init__(self, document: Document, folder: Path) -> None:
        self.document = document
        self.folder = folder
        self.problems: list[SiteError] = []
        self.tag_places: dict[str, Where] = {}

    def load(self) -> Site | None:
        self.unknown_top_keys()
        info = self.table("site", SiteInfo)
        store = self.table("store", StoreSettings)
        capture = self.table("capture", CaptureSettings)
        retain = self.table("retain", RetainSettings)
        ring = self.table("ring", RingTable) if "ring" in self.document.data else None
        audit = self.table("audit", AuditSettings)
        sources = self.sources()
        states = self.states()
        rules = self.reduction()
        tags = self.tags(rules)
        assets = self.tables("assets", Asset)
        events = self.tables("events", EventDefinition)
        zones = self.tables("zones", Zone)
        conduits = self.tables("conduits", Conduit)
        if info is None or store is None or capture is None or retain is None or audit is None:
            return None
        site = Site.model_construct(
            schema_=SCHEMA_VERSION,
            site=info,
            store=store,
            capture=capture,
            retain=retain,
            ring=ring,
            audit=audit,
            states=states,
            sources=sources,
            tags_file=self.document.data.get("tags_file"),
            tags=tuple(tags),
            reduction=tuple(rule.rule for rule in rules),
            assets=tuple(assets),
            events=tuple(events),
            zones=tuple(zones),
            conduits=tuple(conduits),
        )
        declared = self.document.data.get("sources")
        names = set(declared) if isinstance(declared, dict) else set()
        self.problems += cross_check(site, names, self.document.where, self.tag_places)
        return site

    def add(self, slug: str, what: str, *keys: str | int, hint: str | None = None) -> None:
        self.problems.append(SiteError(slug, what, where=self.document.where(*keys), hint=hint))

    def unknown_top_keys(self) -> None:
        known = keys_of(Site)
        for key in self.document.data:
            if key not in known:
                self.add(
                    "unknown-key",
                    f"unknown key `{show(key)[1:-1]}` in the site file",
                    key,
                    hint=did_you_mean(key, known, f"known keys: {', '.join(known)}")
                    if len(self.problems) < MOST_SHOWN
                    else None,
                )

    def validate(self, model: type[AnyModel], values: Any, where: Where, thing: str) -> AnyModel | None:
        try:
            return model.model_validate(values)
        except ValidationError as error:
            self.problems += problems_of(error, model, where, thing)
            return None

    def below(self, *prefix: str | int) -> Where:
        return lambda *keys: self.document.where(*prefix, *keys)

    def table(self, key: str, model: type[AnyModel]) -> AnyModel | None:
        values = self.document.data.get(key, {})
        if not isinstance(values, dict):
            self.add("site-value", f"`{key}` must be a table: write `[{key}]`", key)
            return None
        return self.validate(model, values, self.below(key), f"`[{key}]`")

    def rows(self, key: str) -> list[tuple[int, dict[str, Any]]]:
        values = self.document.data.get(key, [])
        if not isinstance(values, list):
            self.add("site-value", f"`{key}` must be a list of tables: write `[[{key}]]`", key)
            return []
        found = []
        for index, row in enumerate(values):
            if isinstance(row, dict):
                found.append((index, row))
            else:
                self.add("site-value", f"`{key}` holds {show(row)} where a table belongs", key, index)
        return found

    def tables(self, key: str, model: type[Model]) -> list[Any]:
        found = []
        for index, row in self.rows(key):
            valid = self.validate(model, row, self.below(key, index), f"`[[{key}]]`")
            if valid is not None:
                found.append(valid)
        return found

    def states(self) -> dict[str, AssetStates]:
        declared = self.document.data.get("states", {})
        if not isinstance(declared, dict):
            self.add("site-value", "`states` must hold named tables: write `[states.press1]`", "states")
            return {}
        found: dict[str, AssetStates] = {}
        for asset, values in declared.items():
            of_asset = self.validate(AssetStates, values, self.below("states", asset), f"`[states.{asset}]`")
            if of_asset is not None:
                found[asset] = of_asset
        return found

    def sources(self) -> dict[str, SourceConfig]:
        declared = self.document.data.get("sources", {})
        if not isinstance(declared, dict):
            self.add("site-value", "`sources` must hold named tables: write `[sources.press1]`", "sources")
            return {}
        found: dict[str, SourceConfig] = {}
        for name, values in declared.items():
            source = self.source(name, values)
            if source is not None:
                found[name] = source
        return found

    def source(self, name: str, values: Any) -> SourceConfig | None:
        if not _NAME.fullmatch(name):
            self.add(
                "site-value",
                f"{show(name)} cannot name a source; use letters, digits, `_`, `.` and `-`",
                "sources",
                name,
            )
            return None
        thing = f"`[sources.{name}]`"
        if not isinstance(values, dict):
            self.add(
                "site-value", f"{thing} must be a table, not {show(values)}", "sources", name, hint=f"write {thing}"
            )
            return None
        kind = values.get("type")
        if "type" not in values:
            known = ", ".join(f'`"{item}"`' for item in BUILTIN_SOURCES)
            self.add("missing-key", f"`type` is missing in {thing}; it is one of {known}", "sources", name)
            return None
        model: type[SourceConfig] | None = BUILTIN_SOURCES.get(kind) if isinstance(kind, str) else None
        if model is None:
            plugins = _plugin_types()
            if not isinstance(kind, str) or kind not in plugins:
                known_types = [*BUILTIN_SOURCES, *plugins]
                self.add(
                    "unknown-source-type",
                    f"unknown type {show(kind)} of {thing}",
                    "sources",
                    name,
                    "type",
                    hint=did_you_mean(str(kind), known_types, f"known types: {', '.join(known_types)}"),
                )
                return None
            model = PluginSource
        return self.validate(model, values, self.below("sources", name), thing)

    def tags(self, rules: Sequence[Rule]) -> list[Tag]:
        raw = [RawTag(row, self.below("tags", index)) for index, row in self.rows("tags")]
        for index, file in enumerate(self.tag_files()):
            raw += self.tag_list(file, index)
        found: list[Tag] = []
        for item in (reduced(one, rules) for one in raw):
            name: object = item.values.get("name")
            before = len(self.problems)
            tag = self.validate(Tag, item.values, item.where, f"tag {show(name)}" if name else "`[[tags]]`")
            if item.unread:
                known = tuple(f"`{key}` is missing" for key in item.unread)
                new = [p for p in self.problems[before:] if p.slug != "missing-key" or not p.what.startswith(known)]
                self.problems[before:] = new
            if isinstance(name, str) and name in self.tag_places:
                self.problems.append(
                    SiteError(
                        "duplicate-tag",
                        f"the tag name `{show(name)[1:-1]}` is used twice",
                        where=item.where("name"),
                        cause=f"first used in {self.tag_places[name]('name')}",
                    )
                )
                continue
            if isinstance(name, str):
                self.tag_places[name] = item.where
            if tag is not None:
                found.append(tag)
        self.problems += rules_.problems(rules)
        return found

    def reduction(self) -> list[Rule]:
        found = []
        for index, row in self.rows("reduction"):
            where = self.below("reduction", index)
            if (rule := self.validate(Reduction, row, where, "`[[reduction]]`")) is not None:
                found.append(Rule(rule, row, where))
        return found

    def tag_files(self) -> list[str]:
        value = self.document.data.get("tags_file", [])
        files: list[object] = value if isinstance(value, list) else [value]
        named = [file for file in files if isinstance(file, str) and file]
        if len(named) < len(files):
            self.add("site-value", "`tags_file` must be a file name or a list of file names", "tags_file")
        return named

    def tag_list(self, name: str, index: int) -> list[RawTag]:
        try:
            rows, problems = read_tag_list(self.folder / name, one_line(name), self.document.where("tags_file", index))
        except SiteError as error:
            self.problems.append(error)
            return []
        self.problems += problems
        return rows
