"""Taking over a changed site file while capture runs: what did not change sees no interruption.

Everything that can fail is tried before anything is changed; a wrong file leaves all as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from iiotctl.capture import departed
from iiotctl.capture.control import Answer
from iiotctl.capture.saying import nothing_to_capture
from iiotctl.errors import IiotctlError, SiteError, SiteProblemsError
from iiotctl.events import Event, Level
from iiotctl.samples import GapReason
from iiotctl.site.units import format_count

if TYPE_CHECKING:
    from iiotctl.capture.session import Session
    from iiotctl.capture.supervisor import Keeper
    from iiotctl.site.load import LoadedSite
    from iiotctl.site.sources import SourceConfig


async def reload(session: Session) -> Answer:
    """See `Session.reload`."""
    read = session.wishes.reload
    if read is None:
        return Answer(False, "this capture has no site file to read again", {})
    try:
        loaded = await asyncio.to_thread(read)
        wanted = session.sources_of(loaded)
        _try_out(session, loaded, wanted)
    except IiotctlError as error:
        return _refused(session, error)
    return await _apply(session, loaded, wanted)


def _try_out(session: Session, loaded: LoadedSite, wanted: dict[str, SourceConfig]) -> None:
    """Raise for whatever would keep the new file from working."""
    if not wanted:
        raise nothing_to_capture(loaded)
    problems: list[SiteError] = []
    for name, config in wanted.items():
        problems += session.wishes.check(config, loaded.site.tags_of(name))
        old = session.keepers.get(name)
        if not problems and (old is None or old.config != config):
            session.prepare(name, config)
    if problems:
        raise SiteProblemsError(problems)


def _refused(session: Session, error: IiotctlError) -> Answer:
    problems = error.problems if isinstance(error, SiteProblemsError) else [error]
    text = f"the changed site file is refused, capture goes on as before: {error.what}"
    if error.where:
        text += f" ({error.where})"
    session.tell(Event(Level.ERROR, "reload-refused", text, at=session.wishes.now_us()))
    return Answer(False, text, {"errors": [problem.as_dict() for problem in problems]})


async def _apply(session: Session, loaded: LoadedSite, wanted: dict[str, SourceConfig]) -> Answer:
    counts = {"added": 0, "removed": 0, "changed": 0, "sources_started": 0, "sources_stopped": 0}
    for name in [name for name in session.keepers if name not in wanted]:
        counts["removed"] += len(session.keepers[name].tags)
        counts["sources_stopped"] += 1
        await _end_tags(session, session.keepers[name], loaded)
        await _drop_source(session, name)
    for name, config in wanted.items():
        keeper = session.keepers.get(name)
        before = {} if keeper is None else {item.tag.name: item.tag for item in keeper.tags}
        after = {tag.name: tag for tag in loaded.site.tags_of(name)}
        added = [tag for tag in after if tag not in before]
        removed = [tag for tag in before if tag not in after]
        changed = [tag for tag in after if tag in before and after[tag] != before[tag]]
        is_same_source = keeper is not None and keeper.config == config
        if is_same_source and not (added or removed or changed):
            continue
        if keeper is not None and removed:
            await _end_tags(session, keeper, loaded)
        codes = [] if keeper is None else [item.code for item in keeper.tags if item.tag.name in removed]
        captured = session.table.take(after.values())
        await session.recorder.define(session.rows_of(captured, config))
        counts["added"] += len(added)
        counts["removed"] += len(removed)
        counts["changed"] += len(changed)
        session.introduce(name, config, captured)
        if keeper is not None and is_same_source:
            await keeper.update(captured)
            _forget(session, name, codes)
        elif keeper is not None:
            # its way to the device changed: it starts anew, and the pause is a gap
            _tell_restart(session, name, keeper.config, config)
            await keeper.stop()
            _forget(session, name, codes)
            session.recorder.flush(name, keeper.codes)
            session.recorder.note(session.ledger.dropping(name, GapReason.SHUTDOWN, session.recorder.now()))
            session.adopt(name, config, captured).start()
            counts["sources_started"] += 1
        else:
            session.adopt(name, config, captured).start()
            counts["sources_started"] += 1
    notes = _not_taken(session, loaded)
    session.loaded = loaded
    more = format_count(counts["added"], "tag")
    text = f"site file read again: {more} added, {counts['removed']} removed, {counts['changed']} changed"
    session.tell(Event(Level.NOTICE, "reloaded", text, at=session.wishes.now_us(), data=dict(counts)))
    return Answer(True, text, {**counts, "notes": notes or []})


def _not_taken(session: Session, loaded: LoadedSite) -> list[str] | None:
    """Settings that only a new start takes over, when they changed; told once."""
    old, new = session.loaded.site, loaded.site
    changed = [key for key in ("site", "store", "capture", "ring") if getattr(old, key) != getattr(new, key)]
    if not changed:
        return None
    tables = " and ".join(f"`[{key}]`" for key in changed)
    text = f"what changed in {tables} takes effect at the next start of capture"
    session.tell(Event(Level.WARNING, "reload-later", text, at=session.wishes.now_us()))
    return [text]


def _tell_restart(session: Session, name: str, old: SourceConfig, new: SourceConfig) -> None:
    keys = [
        key
        for key in {**type(old).model_fields, **type(new).model_fields}
        if getattr(old, key, None) != getattr(new, key, None)
    ]
    text = f"source `{name}` restarted: {', '.join(f'`{key}`' for key in keys)} changed"
    session.tell(Event(Level.NOTICE, "source-restarted", text, at=session.wishes.now_us()))


async def _end_tags(session: Session, keeper: Keeper, loaded: LoadedSite) -> None:
    """Tags that no source has any more are ended in the tags history."""
    listed = {tag.name for tag in loaded.site.tags}
    gone = [item for item in keeper.tags if item.tag.name not in listed]
    await session.recorder.define(departed.ending(gone, keeper.config))


async def _drop_source(session: Session, name: str) -> None:
    keeper = session.keepers[name]
    await keeper.stop()
    session.recorder.flush(name, keeper.codes)
    session.recorder.note(session.ledger.remove_source(name, session.recorder.now()))
    del session.keepers[name]


def _forget(session: Session, name: str, codes: Sequence[int]) -> None:
    session.recorder.flush(name, codes)
    session.recorder.note(session.ledger.remove(codes, session.recorder.now()))
