"""Rules of `[[reduction]]` applied to tags before they are validated.

A rule names tags by glob and gives keys of `[[tags]]`. A key that the tag has itself wins; of several rules
that give the same key the later one wins, so that rules go from the general to the special.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from iiotctl.errors import SiteError
from iiotctl.site.cells import RawTag
from iiotctl.site.plain import Where, one_line
from iiotctl.site.reduction import PercentDeadband, Reduction
from iiotctl.site.units import format_count

KEYS: Final = tuple(key for key in Reduction.model_fields if key != "tags")
"""What a rule may give: keys of a tag."""
_NEEDS: Final = {
    "raw": ("`raw = false` for tags without a `rollup` that is stored instead", 'give the rule a `rollup = "1min"`'),
    "deadband": (
        "a deadband in percent for tags without a `span`",
        "give them a `span`, write the deadband as a number, or give them another one by a later rule",
    ),
}
_NOT_OF_TEXT: Final = ("rollup", "raw")


@dataclass(slots=True)
class Rule:
    """A rule and where it is written.

    Attributes:
        rule: as validated.
        raw: its keys as written.
        where: place of a key.
        is_used: it is about some tag.
        has_deadband: some of its tags have one, which its `heartbeat` needs.
        lacking: by key of the rule, names of tags that lack what the key needs.
    """

    rule: Reduction
    raw: Mapping[str, Any]
    where: Where
    is_used: bool = False
    has_deadband: bool = False
    lacking: dict[str, list[str]] = field(default_factory=dict)


def problems(rules: Sequence[Rule]) -> Iterator[SiteError]:
    """What is wrong with rules after all tags were given to `reduced`; each once, not once a tag."""
    for rule in rules:
        if not rule.is_used:  # nobody writes one for nothing
            yield SiteError(
                "reduction-without-tags",
                f"no tag is named {' or '.join(f'`{one_line(glob)}`' for glob in rule.rule.tags)}",
                where=rule.where("tags"),
                hint="`*` stands for any characters, e.g. `press1.*`; `iiotctl tags list` shows the names",
            )
        elif not rule.raw.keys() & set(KEYS):
            yield SiteError(
                "site-value",
                "`[[reduction]]` gives its tags nothing",
                where=rule.where(),
                hint=f"give it one of {', '.join(f'`{key}`' for key in KEYS)}",
            )
        elif "heartbeat" in rule.raw and not rule.has_deadband:
            yield SiteError(
                "site-value",
                "`heartbeat` for tags without a `deadband`: without one every sample is stored",
                where=rule.where("heartbeat"),
                hint="give the rule a `deadband`, e.g. `deadband = 0` to store changes only",
            )
        for key, names in rule.lacking.items():
            more = f" and {format_count(len(names) - 1, 'other tag')}" if len(names) > 1 else ""
            what, hint = _NEEDS[key]
            yield SiteError("site-value", f"{what}: `{one_line(names[0])}`{more}", where=rule.where(key), hint=hint)


def reduced(tag: RawTag, rules: Sequence[Rule]) -> RawTag:
    """The tag with the keys that rules give it; the place of such a key is the rule's."""
    name = tag.values.get("name")
    if not isinstance(name, str):
        return tag
    is_text = str(tag.values.get("type", "")).startswith("string")
    given: dict[str, Rule] = {}
    about = [rule for rule in rules if rule.rule.matches(name)]
    for rule in about:
        rule.is_used = True
        given |= {
            key: rule
            for key in KEYS
            if key in rule.raw and key not in tag.values and not (is_text and key in _NOT_OF_TEXT)
        }
    for key, lacks in (("raw", _has_no_rollup), ("deadband", _has_no_span)):
        if key in given and lacks(tag.values, given):
            given.pop(key).lacking.setdefault(key, []).append(name)
    if "deadband" in given or tag.values.get("deadband") is not None:
        for rule in about:
            rule.has_deadband = True
    if not given:
        return tag

    def where(*keys: str | int) -> str:
        rule = given.get(str(keys[0])) if keys else None
        return tag.where(*keys) if rule is None else rule.where(*keys)

    return RawTag({**tag.values, **{key: rule.raw[key] for key, rule in given.items()}}, where, tag.unread)


def _has_no_rollup(values: Mapping[str, Any], given: Mapping[str, Rule]) -> bool:
    return not given["raw"].rule.raw and not values.get("rollup") and "rollup" not in given


def _has_no_span(values: Mapping[str, Any], given: Mapping[str, Rule]) -> bool:
    return isinstance(given["deadband"].rule.deadband, PercentDeadband) and not values.get("span")
