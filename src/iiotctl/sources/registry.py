"""Source types by name: entry points of the group `iiotctl.sources`, each loaded only when a site uses it.

The built-in types register through the same door as those of other packages.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Final, cast

from iiotctl.errors import IiotctlError, PluginError
from iiotctl.sources import profiles

if TYPE_CHECKING:
    from iiotctl.errors import SiteError
    from iiotctl.site.model import Tag
    from iiotctl.site.sources import SourceConfig
    from iiotctl.sources.base import CapturedTag, Source, SourceContext

GROUP: Final = "iiotctl.sources"


def names() -> list[str]:
    """The source types that are installed, sorted; loads none of them."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def _find(type_: str) -> EntryPoint:
    found = [entry for entry in entry_points(group=GROUP) if entry.name == type_]
    if not found:
        close = difflib.get_close_matches(type_, names(), n=1)
        raise PluginError(
            "source-type-unknown",
            f"no installed package brings the source type `{type_}`",
            cause=f"installed types: {', '.join(names()) or 'none'}",
            hint=f"did you mean `{close[0]}`?"
            if close
            else "install the package that brings it, then `iiotctl doctor`",
        )
    return found[0]


def load(type_: str) -> type[Source]:
    """The class behind a source type.

    Raises:
        PluginError: no such type, or the package that brings it cannot be imported.
    """
    entry = _find(type_)
    package = entry.dist.name if entry.dist is not None else "unknown package"
    try:
        loaded = entry.load()
    except Exception as error:
        raise PluginError(
            "plugin-broken",
            f"the source type `{type_}` cannot be loaded",
            where=f"{package}: {entry.value}",
            cause=f"{type(error).__name__}: {error}",
            hint=f"reinstall or remove the package `{package}`",
        ) from error
    missing = [part for part in ("check", "plan", "run", "update", "read_once", "close") if not hasattr(loaded, part)]
    if missing:
        raise PluginError(
            "plugin-broken",
            f"the source type `{type_}` does not keep the contract of a source",
            where=f"{package}: {entry.value}",
            cause=f"it has no {', '.join(f'`{part}`' for part in missing)}",
            hint=f"update the package `{package}`",
        )
    return cast("type[Source]", loaded)


def create(name: str, config: SourceConfig, tags: Sequence[CapturedTag], context: SourceContext) -> Source:
    """A source ready to `run`, with the figures of its profile; sends nothing yet.

    Raises:
        SiteError: `unknown-profile`.
        PluginError: see `load`; also when the class of another package fails in its constructor.
    """
    factory = load(config.type)
    try:
        return factory(name, profiles.applied(config), tags, context)
    except IiotctlError:
        raise
    except Exception as error:
        if factory.__module__.startswith("iiotctl."):
            raise
        raise PluginError(
            "plugin-broken",
            f"the source type `{config.type}` failed to start source `{name}`",
            where=factory.__module__,
            cause=f"{type(error).__name__}: {error}",
        ) from error


def check(config: SourceConfig, tags: Sequence[Tag]) -> list[SiteError]:
    """Problems of a source's profile and tags that can be known without contact.

    Raises:
        PluginError: see `load`.
    """
    wrong = profiles.problems(config)
    return [*wrong, *load(config.type).check(config if wrong else profiles.applied(config), tags)]
