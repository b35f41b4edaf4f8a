"""Tags of a site: list them, check them without contact, and read each once from the plant."""

from __future__ import annotations

import asyncio
import fnmatch
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from iiotctl import quality
from iiotctl.errors import IiotctlError, IncompleteError, SiteError, SourceError, UsageError
from iiotctl.ops.orders import better_orders
from iiotctl.ops.site import Opened, source_context
from iiotctl.site.load import LoadedSite
from iiotctl.site.model import Tag
from iiotctl.site.plain import did_you_mean
from iiotctl.site.sources import ModbusUnit

if TYPE_CHECKING:
    from iiotctl.events import Event
    from iiotctl.sources.base import Reading, Source, SourceContext


class Verdict(StrEnum):
    """What a check found out about a tag."""

    OK = "ok"
    PROBLEM = "problem"
    """The tag list is wrong; known without contact."""
    BAD = "bad"
    """The device answered, but gave no usable value."""
    OUTSIDE_SPAN = "outside-span"
    SUSPICIOUS_ORDER = "suspicious-order"
    UNCERTAIN = "uncertain"
    """A value, but device or server does not stand by it, or its time cannot be right."""
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class TagCheck:
    """One tag and what was found.

    Attributes:
        tag: the tag.
        verdict: in one word.
        note: in a sentence; "" when there is nothing to say.
        where: place of the tag in the site file or tag list.
        reading: what was read, None without contact.
        in_span: whether the value lies in the tag's span; None without span or value.
    """

    tag: Tag
    verdict: Verdict
    note: str
    where: str
    reading: Reading | None = None
    in_span: bool | None = None


def select_tags(loaded: LoadedSite, patterns: Sequence[str] = (), source: str | None = None) -> list[Tag]:
    """Tags by name or pattern (`press1.*`) and source, in the order of the file.

    Raises:
        UsageError: `unknown-name`, a source that the site does not have.
        IncompleteError: `no-tags`, nothing matches.
    """
    site = loaded.site
    if source is not None and source not in site.sources:
        raise UsageError(
            "unknown-name",
            f"the site has no source `{source}`",
            where="--source",
            hint=did_you_mean(source, site.sources, f"sources: {', '.join(site.sources) or 'none'}"),
        )
    found = [
        tag
        for tag in site.tags
        if (source is None or tag.source == source)
        and (not patterns or any(fnmatch.fnmatchcase(tag.name, pattern) for pattern in patterns))
    ]
    if not found:
        wanted = ", ".join(f"`{pattern}`" for pattern in patterns)
        names = [tag.name for tag in site.tags]
        raise IncompleteError(
            "no-tags",
            f"no tag matches {wanted}" if wanted else "there are no tags",
            where=f"source `{source}`" if source else loaded.document.name,
            hint=did_you_mean(patterns[0], names, "`iiotctl tags list` shows all")
            if patterns
            else "add `[[tags]]` or `tags_file`; `iiotctl site schema` lists the keys",
        )
    return found


def offline_problems(loaded: LoadedSite, tags: Sequence[Tag]) -> Iterator[tuple[Tag | None, list[SiteError]]]:
    """Problems that the sources see in their tags without contact; None as tag = of the source itself.

    Raises:
        PluginError: the package of a source type cannot be loaded.
    """
    from iiotctl.sources import registry

    for name, config in loaded.site.sources.items():
        own = registry.check(config, [])
        if own:
            yield None, [_placed(problem, loaded.where("sources", name)) for problem in own]
        known = {(problem.slug, problem.what) for problem in own}
        for tag in tags:
            if tag.source != name:
                continue
            found = [item for item in registry.check(config, [tag]) if (item.slug, item.what) not in known]
            if found:
                yield tag, [_placed(problem, loaded.tag_where(tag.name)) for problem in found]


def _placed(problem: SiteError, where: str) -> SiteError:
    """The same problem at its place in the file; sources know names, not lines."""
    return SiteError(problem.slug, problem.what, where=where, cause=problem.cause, hint=problem.hint)


def check_tags(loaded: LoadedSite, tags: Sequence[Tag]) -> tuple[list[TagCheck], list[SiteError]]:
    """Check tags without contact: one row a tag, and the problems behind the rows.

    Raises:
        PluginError: the package of a source type cannot be loaded.
    """
    found: dict[str, list[SiteError]] = defaultdict(list)
    problems: list[SiteError] = []
    for tag, items in offline_problems(loaded, tags):
        problems += items
        if tag is not None:
            found[tag.name] += items
    rows = [
        TagCheck(
            tag,
            Verdict.PROBLEM if tag.name in found else Verdict.OK,
            "; ".join(problem.what for problem in found.get(tag.name, [])),
            loaded.tag_where(tag.name),
        )
        for tag in tags
    ]
    return rows, problems


def check_live(
    opened: Opened,
    tags: Sequence[Tag],
    *,
    trust_first: bool = False,
    sole_master: str | None = None,
    create: Callable[..., Source] | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
) -> list[TagCheck]:
    """Read each tag once and judge what came back; sends read requests only.

    Args:
        opened: site and settings.
        tags: tags to read, in the order of the result.
        trust_first: accept and remember server certificates not seen before.
        sole_master: who confirmed that the serial buses have no other master; None = nobody.
        create: makes a source; the registry unless a test says otherwise.
        on_event: takes what a person should know of the connections.

    Raises:
        SourceError: `nothing-reached`, no source gave any reading.
        IiotctlError: what kept every source from being tried, such as a missing secret.
    """
    loaded = opened.require_site()
    if create is None:
        from iiotctl.sources import registry

        create = registry.create
    by_source: dict[str, list[Tag]] = defaultdict(list)
    for tag in tags:
        by_source[tag.source].append(tag)
    context = source_context(opened, trust_first=trust_first, sole_master=sole_master)
    context.tell = on_event
    outcomes = asyncio.run(_read_all(loaded, by_source, context, create))
    failures = {name: result for name, result in outcomes.items() if isinstance(result, IiotctlError)}
    if len(failures) == len(outcomes):
        raise _nothing_reached(failures)
    rows = []
    for tag in tags:
        result = outcomes[tag.source]
        where = loaded.tag_where(tag.name)
        if isinstance(result, IiotctlError):
            note = f"{result.what}: {result.cause}" if result.cause else result.what
            rows.append(TagCheck(tag, Verdict.UNREACHABLE, note, where))
        else:
            rows.append(_judge(tag, result.get(tag.name), where, modbus=_is_modbus(loaded, tag)))
    return rows


def _is_modbus(loaded: LoadedSite, tag: Tag) -> bool:
    return isinstance(loaded.site.sources[tag.source], ModbusUnit)


def _nothing_reached(failures: dict[str, IiotctlError]) -> IiotctlError:
    first = next((error for error in failures.values() if isinstance(error, SourceError)), None)
    if first is None:
        return next(iter(failures.values()))
    if len(failures) == 1:
        return first
    return SourceError(
        "nothing-reached",
        f"none of {len(failures)} sources could be read",
        where=", ".join(failures),
        cause=first.what + (f": {first.cause}" if first.cause else ""),
        hint=first.hint or "check cable, address and port; `iiotctl read URL ADDRESS` tries one device",
        retriable=True,
    )


async def _read_all(
    loaded: LoadedSite,
    by_source: dict[str, list[Tag]],
    context: SourceContext,
    create: Callable[..., Source],
) -> dict[str, dict[str, Reading] | IiotctlError]:
    async def one(name: str, tags: list[Tag]) -> dict[str, Reading] | IiotctlError:
        try:
            return await _read_source(name, loaded, tags, context, create)
        except IiotctlError as error:
            return error  # a dead source costs only its own tags

    results = await asyncio.gather(*(one(name, tags) for name, tags in by_source.items()))
    return dict(zip(by_source, results, strict=True))


async def _read_source(
    name: str, loaded: LoadedSite, tags: list[Tag], context: SourceContext, create: Callable[..., Source]
) -> dict[str, Reading]:
    from iiotctl.sources.base import CapturedTag

    captured = [CapturedTag(code, tag) for code, tag in enumerate(tags)]
    source = create(name, loaded.site.sources[name], captured, context)
    try:
        return {reading.tag: reading for reading in await source.read_once(captured)}
    finally:
        await source.close()


def _judge(tag: Tag, reading: Reading | None, where: str, *, modbus: bool) -> TagCheck:
    if reading is None:
        return TagCheck(tag, Verdict.BAD, "the source gave no reading", where)
    status = quality.name(reading.quality)
    if quality.is_bad(reading.quality) or reading.value is None:
        note = status if quality.is_bad(reading.quality) else f"no value, though the quality is {status}"
        return TagCheck(tag, Verdict.BAD, reading.note or note, where, reading)
    doubt = None
    if not quality.is_good(reading.quality):
        doubt = f"{status}: {reading.note}" if reading.note else status
    if not isinstance(reading.value, int | float):
        return _sure_or_not(tag, reading, where, doubt)
    in_span = None if tag.span is None else tag.span[0] <= reading.value <= tag.span[1]
    others = better_orders(tag, reading.raw) if modbus and reading.raw else {}
    if others:
        shown = ", ".join(f"`{order}` gives {value:.6g}" for order, value in others.items())
        note = f"declared `{tag.order}` gives {reading.value:.6g}; {shown}" + (f" {tag.unit}" if tag.unit else "")
        return TagCheck(tag, Verdict.SUSPICIOUS_ORDER, note, where, reading, in_span)
    if in_span is False and tag.span is not None:
        note = f"outside {tag.span[0]:g} to {tag.span[1]:g}" + (f" {tag.unit}" if tag.unit else "")
        return TagCheck(tag, Verdict.OUTSIDE_SPAN, note, where, reading, in_span)
    return _sure_or_not(tag, reading, where, doubt, in_span)


def _sure_or_not(tag: Tag, reading: Reading, where: str, doubt: str | None, in_span: bool | None = None) -> TagCheck:
    if doubt is not None:
        return TagCheck(tag, Verdict.UNCERTAIN, doubt, where, reading, in_span)
    return TagCheck(tag, Verdict.OK, reading.note, where, reading, in_span)
