"""`capture`: live data into the store; its plan, its status, its reload."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iiotctl import __version__
from iiotctl.capture import confirmed, control, run
from iiotctl.capture.saying import nothing_to_capture
from iiotctl.capture.session import Session
from iiotctl.capture.tagtable import TagTable
from iiotctl.capture.wishes import Wishes
from iiotctl.errors import SiteError, SiteProblemsError, SourceError, StoreError
from iiotctl.events import Event
from iiotctl.site.load import load_site
from iiotctl.site.ring import RingSettings, from_flags
from iiotctl.site.secrets import reveal
from iiotctl.site.sources import Secret
from iiotctl.sources import registry
from iiotctl.sources.base import PlannedRequest, SourceContext

if TYPE_CHECKING:
    from iiotctl.capture.run import Outcome
    from iiotctl.capture.summary import SourceFigures
    from iiotctl.ops.site import Opened
    from iiotctl.site.model import Tag
    from iiotctl.site.sources import SourceConfig
    from iiotctl.sources.modbus.advice import Advice

ANSWER_S: Final = 0.02
"""Time that a server takes to answer, for the estimate of `dry_run`, where the source has no better one."""


def now_us() -> int:
    """Wall clock, µs UTC."""
    return time.time_ns() // 1000


def capture(
    opened: Opened,
    *,
    duration_s: float | None = None,
    only: Sequence[str] = (),
    trust_first: bool = False,
    ring: RingSettings | None = None,
    sole_master: str | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
    on_tick: Callable[[Session], None] = lambda _: None,
    at_once: Callable[[int], None] | None = None,
) -> Outcome:
    """Capture the sources of a site into its store.

    Args:
        opened: site and settings.
        duration_s: seconds; None = until a signal or `control.Action.STOP`.
        only: names of sources; empty = all.
        trust_first: accept and remember OPC UA server certificates not seen before.
        ring: from `ring_of`; None = every sample is stored.
        sole_master: who confirmed that the serial buses have no other master: traffic heard there is kept with this
            name and does not refuse the bus.
        on_event: takes events, on the thread that captures.
        on_tick: called once a second.
        at_once: see `capture.run.run`.

    Raises:
        SiteError: no site file, it is wrong, or it has nothing to capture.
        StoreError: the store is locked, on a network path, or broke while capturing.
        UsageError: unknown source name.
        PluginError: a source type is not installed.
    """
    loaded = opened.require_site()
    if problems := missing_secrets(opened, only=only):
        # a source could only fail for ever; told before a store is made
        raise problems[0] if len(problems) == 1 else SiteProblemsError(problems)
    wishes = Wishes(
        now_us,
        time.monotonic,
        only=only,
        trust_first=trust_first,
        ring=ring,
        sole_master=sole_master,
        on_event=on_event,
        on_tick=on_tick,
        reload=lambda: load_site(loaded.path),
        check=lambda config, tags: _check(config, tags, loaded.folder),
        info={"version": __version__, "sole_master_confirmed_by": sole_master},
    )
    return run.run(loaded, opened.settings, wishes, duration_s=duration_s, at_once=at_once)


def ring_of(opened: Opened, flags: Mapping[str, Any], *, only: Sequence[str] = ()) -> RingSettings | None:
    """The trigger ring of a capture: `[ring]` of the site file and flags (see `site.ring.from_flags`); None = none.

    Raises:
        SiteError: no site file, it is wrong, `[ring]` is not whole, or a trigger fits no tag that is captured.
        UsageError: flags that make no ring.
    """
    site = opened.require_site().site
    return from_flags(site.ring, flags, [tag for tag in site.tags if not only or tag.source in only])


def missing_secrets(opened: Opened, *, only: Sequence[str] = ()) -> list[SiteError]:
    """Secrets of the sources to be captured that are not where the site file says; nothing of them is kept."""
    loaded = opened.require_site()
    names = [name for name in loaded.site.sources if (not only or name in only) and loaded.site.tags_of(name)]
    problems = []
    for name in names:
        for key, error in _missing_secrets(loaded.site.sources[name], loaded.folder):
            place = loaded.where("sources", name, key)
            what = f"source `{name}`: {error.what}"
            problems.append(SiteError(error.slug, what, where=place, cause=error.cause, hint=error.hint))
    return problems


def _missing_secrets(config: SourceConfig, folder: Path) -> Iterator[tuple[str, SiteError]]:
    for key in type(config).model_fields:
        secret = getattr(config, key)
        if isinstance(secret, Secret):
            try:
                reveal(secret, folder)
            except SiteError as error:
                yield key, error


def _check(config: SourceConfig, tags: Sequence[Tag], folder: Path) -> list[SiteError]:
    return [*registry.check(config, tags), *(error for _, error in _missing_secrets(config, folder))]


def unreached(sources: Sequence[SourceFigures]) -> SourceError | None:
    """The error to end with when no source ever delivered anything; None when one did."""
    if not sources or any(source.samples for source in sources):
        return None
    first = sources[0]
    if len(sources) == 1 and first.error is not None:
        told = {key: first.error[key] for key in ("slug", "what", "where", "cause", "hint")}
        return SourceError(**told)  # type: ignore[arg-type]  # of `IiotctlError.as_dict`
    if len(sources) == 1:
        return SourceError(
            "no-source-reached",
            f"the source `{first.name}` never answered",
            where=first.endpoint,
            cause=first.detail or None,
            hint="`iiotctl tags check --live` tries each tag once and says what is wrong",
        )
    causes = tuple(f"{source.name} ({source.endpoint}): {source.detail or 'no answer'}" for source in sources)
    return SourceError(
        "no-source-reached",
        f"none of the {len(sources)} sources ever answered",
        cause=causes,
        hint="`iiotctl tags check --live` tries each tag once and says what is wrong",
    )


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """What capture would do with one source.

    Attributes:
        name: name in the site file.
        type: type in the site file.
        endpoint: where it is.
        tags: number of tags.
        requests: one each; nothing was sent.
        cycle_s: estimated seconds for one round of all polled requests, each at its `answer_s`; None = no polling.
        advice: how the requests depend on `max_gap`; None where nothing is polled by registers.
        load: share of time that its polling keeps the connection or bus busy.
    """

    name: str
    type: str
    endpoint: str
    tags: int
    requests: tuple[PlannedRequest, ...]
    cycle_s: float | None
    load: float
    advice: Advice | None = None


def dry_run(opened: Opened, *, only: Sequence[str] = ()) -> list[PlannedSource]:
    """What `capture` would send; no packet leaves this machine.

    Raises:
        SiteError: no site file, it is wrong, or it has nothing to capture.
        UsageError: unknown source name.
        PluginError: a source type is not installed.
    """
    loaded = opened.require_site()
    session = Session(loaded, opened.settings, Wishes(now_us, time.monotonic, only=only))
    configs = session.sources_of(loaded)
    if not configs:
        raise nothing_to_capture(loaded)
    session.check(configs)
    table = TagTable()
    context = SourceContext(
        now_us=now_us,
        monotonic=time.monotonic,
        state_dir=opened.settings.state,
        pki_dir=opened.settings.pki,
        folder=loaded.folder,
    )
    planned = []
    for name, config in configs.items():
        tags = table.take(loaded.site.tags_of(name))
        source = registry.create(name, config, tags, context)
        requests = tuple(source.plan())
        polled = [item for item in requests if not item.request.startswith(("subscribe", "listens"))]
        planned.append(
            PlannedSource(
                name=name,
                type=config.type,
                endpoint=source.status.endpoint,
                tags=len(tags),
                requests=requests,
                cycle_s=sum(map(_answer_s, polled)) if polled and config.type != "replay" else None,
                load=sum(_answer_s(item) / item.period_s for item in polled if item.period_s > 0),
                advice=_advice(source),
            )
        )
    return planned


def _answer_s(request: PlannedRequest) -> float:
    return ANSWER_S if request.answer_s is None else request.answer_s


def _advice(source: object) -> Advice | None:
    from iiotctl.sources.modbus.source import ModbusSource

    return source.advice() if isinstance(source, ModbusSource) else None


def status(store: Path, *, tags: bool = False) -> dict[str, Any]:
    """The status of the capture on a store; of its last one when none runs (`running` says which).

    Args:
        store: its folder.
        tags: ask a running capture how complete each tag is (`tags`); one that has ended has said so.

    Raises:
        StoreError: `capture-never-ran`.
    """
    found = control.read_status(store)
    if found is None:
        raise StoreError(
            "capture-never-ran",
            "no capture has run on this store",
            where=str(store),
            hint="`iiotctl capture` starts one; `--store` and `--site` say which store is meant",
        )
    if tags and found["fresh"]:
        # on request: thousands of tags a second would wear a flash disk out; and a reader may not be allowed to ask
        with suppress(StoreError, OSError):
            found |= control.ask(store, control.Action.TAGS, timeout_s=3.0).details
    return {**found, "sole_master_confirmed": confirmed.of_run(store, str(found["run"]))}


def health(store: Path, found: Mapping[str, Any]) -> list[str]:
    """What is wrong with a running capture, one clause each; empty when all its sources deliver.

    Args:
        store: the store's folder.
        found: from `status`.

    Raises:
        StoreError: `capture-not-running`, or `capture-no-answer` when its status is not renewed.
    """
    if not found["running"]:
        raise control.not_running(store)
    if not found["fresh"]:
        raise StoreError(
            "capture-no-answer",
            f"the capture (process {found['pid']}) has not renewed its status for {found['age_s']:.0f} s",
            where=str(store),
            cause="it hangs, or its disk does",
            hint=f"`kill -9 {found['pid']}` and start it again: what is durable stays so",
            retriable=True,
        )
    trouble = [f"nothing is stored: {found['blocked']}"] if found["blocked"] else []
    down = [source["name"] for source in found["sources"] if source["gap_since"] is not None]
    trouble += [f"no data from {', '.join(down)}"] if down else []
    failing = [f"{source['failing_tags']} of {source['name']}" for source in found["sources"] if source["failing_tags"]]
    return trouble + ([f"tags without values: {', '.join(failing)}"] if failing else [])


def reload(store: Path, *, timeout_s: float = 30.0) -> control.Answer:
    """Have the running capture read its site file again.

    Raises:
        StoreError: no capture runs there, or it does not answer.
    """
    return control.ask(store, control.Action.RELOAD, timeout_s=timeout_s)
