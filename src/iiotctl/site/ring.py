"""`[ring]` of the site file: fast scan into memory, stored only around triggers."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from iiotctl.errors import SiteError, SiteProblemsError, UsageError
from iiotctl.site.fields import Bytes, Model, Seconds
from iiotctl.site.trigger import Trigger, parse_trigger
from iiotctl.site.units import format_duration

if TYPE_CHECKING:
    from iiotctl.site.model import Tag
    from iiotctl.site.plain import Where

MEMORY: Final = 200_000_000
_KEEP: Final = "how far back the ring reaches, e.g. 30min"
_TRIGGERS: Final = "e.g. press1.trip rises; oven.temperature > 90 hysteresis 2 for 5s"
_FLAGS: Final = {
    "keep": "--ring",
    "triggers": "--keep-around",
    "before": "--before",
    "after": "--after",
    "memory": "--ring-memory",
}


class RingTable(Model):
    """`[ring]`: samples wait in memory and are stored only around triggers; flags may give what it lacks."""

    keep: Seconds | None = Field(default=None, gt=0, description=_KEEP)
    before: Seconds = Field(default=600.0, description="stored before a trigger; at most `keep`")
    after: Seconds = Field(default=120.0, description="stored after the last time it fired")
    triggers: tuple[str, ...] = Field(default=(), description=_TRIGGERS)
    tags: tuple[str, ...] = Field(
        default=("*",), min_length=1, description="globs: which tags go through the ring; others are stored as usual"
    )
    memory: Bytes = Field(default=MEMORY, ge=1_000_000, description="most memory that the ring may take")

    @field_validator("triggers", "tags", mode="before")
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("triggers", mode="after")
    @classmethod
    def _parsed(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(parse_trigger(text).text for text in value)

    @model_validator(mode="after")
    def _reaches(self) -> Self:
        if "before" in self.model_fields_set and self.keep is not None and self.before > self.keep:
            msg = (
                f"`before` ({format_duration(self.before)}) is longer than the ring reaches back "
                f"(`keep`, {format_duration(self.keep)})"
            )
            raise ValueError(msg)
        return self

    @property
    def parsed(self) -> tuple[Trigger, ...]:
        """The triggers, each once."""
        return tuple(parse_trigger(text) for text in dict.fromkeys(self.triggers))

    def takes(self, name: str) -> bool:
        """Whether a tag goes through the ring."""
        return any(fnmatchcase(name, glob) for glob in self.tags)


class RingSettings(RingTable):
    """The ring of a capture: nothing is lacking."""

    keep: Seconds = Field(gt=0, description=_KEEP)
    triggers: tuple[str, ...] = Field(min_length=1, description=_TRIGGERS)

    @property
    def lead(self) -> float:
        """Seconds stored before a trigger: `before`, or the whole ring when that is shorter."""
        return min(self.before, self.keep)


def ring_problems(ring: RingTable, tags: Iterable[Tag], where: Where) -> Iterator[SiteError]:
    """What of a valid `[ring]` does not fit the tags.

    Args:
        ring: the settings.
        tags: tags of the site.
        where: place of a key, e.g. `where("triggers", 0)`.
    """
    by_name = {tag.name: tag for tag in tags}
    for number, trigger in enumerate(ring.parsed):
        tag = by_name.get(trigger.tag)
        if tag is None:
            near = difflib.get_close_matches(trigger.tag, by_name, n=1)
            yield SiteError(
                "trigger-tag",
                f"the trigger `{trigger.text}` names the unknown tag `{trigger.tag}`",
                where=where("triggers", number),
                hint=f"did you mean `{near[0]}`?" if near else "`iiotctl tags list` shows what there is",
            )
        elif (tag.type or "").startswith("string"):
            yield SiteError(
                "trigger-tag",
                f"the trigger `{trigger.text}` watches the text tag `{trigger.tag}`; triggers compare numbers",
                where=where("triggers", number),
                hint="watch a number or a bit that changes with the text; `iiotctl tags list` shows types",
            )
    for number, glob in enumerate(ring.tags):
        if by_name and not any(fnmatchcase(name, glob) for name in by_name):
            yield SiteError(
                "ring-tags",
                f"no tag matches `{glob}`: nothing would go through the ring for it",
                where=where("tags", number),
                hint="`*` stands for anything, also for dots; `iiotctl tags list` shows the names",
            )


def from_flags(declared: RingTable | None, flags: Mapping[str, Any], tags: Iterable[Tag]) -> RingSettings | None:
    """The ring that a capture shall use: `[ring]`, each key replaced by its flag where one is given.

    Args:
        declared: `[ring]` of the site file, or None.
        flags: texts by key, None = not given; `triggers` is a list, empty = not given.
        tags: tags of the site.

    Raises:
        UsageError: `ring-flags`, flags that make no ring; `bad-value`.
        SiteError: `ring-incomplete`, `[ring]` lacks what only a flag could give.
        SiteProblemsError: triggers that fit no tag.
    """
    from iiotctl.site.plain import problems_of  # it knows all models, this one too

    given = {key: value for key, value in flags.items() if value}
    if not given and declared is None:
        return None
    values = {} if declared is None else _texts(declared)
    values |= given
    if missing := [key for key in ("keep", "triggers") if not values.get(key)]:
        if not given:
            raise SiteError(
                "ring-incomplete",
                f"`[ring]` lacks {' and '.join(f'`{key}`' for key in missing)}",
                hint=f"write it there, or give {' and '.join(f'`{_FLAGS[key]}`' for key in missing)}",
            )
        there = next(_FLAGS[key] for key in given)
        raise UsageError(
            "ring-flags",
            f"`{there}` needs {' and '.join(f'`{_FLAGS[key]}`' for key in missing)} as well",
            hint="e.g. `iiotctl capture --ring 30min --keep-around 'press1.trip rises' --before 10min --after 2min`",
        )
    try:
        ring = RingSettings.model_validate(values)
    except ValidationError as error:
        found = problems_of(error, RingSettings, lambda *_: "", "the ring")[0]
        what = found.what
        for key in given:
            what = what.replace(f"`{key}`", f"`{_FLAGS[key]}`")
        raise UsageError("bad-value", what, hint=found.hint) from None
    problems = list(ring_problems(ring, tags, lambda key, *_: _FLAGS.get(key, "`[ring]` of the site file")))
    if problems:
        raise problems[0] if len(problems) == 1 else SiteProblemsError(problems)
    return ring


def _texts(ring: RingTable) -> dict[str, Any]:
    """The keys as they would be written."""
    found: dict[str, Any] = {}
    for key in ring.model_fields_set:
        value = getattr(ring, key)
        is_time = isinstance(value, float)
        found[key] = format_duration(value) if is_time else f"{value}B" if isinstance(value, int) else value
    return found
