"""Rules of `[[reduction]]` applied to tags before they are validated.

A rule names tags by glob and gives keys of `[[tags]]`. A key that the tag has itself wins; of several rules
that give the same key the later one wins, so that rules go from the general to the special.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from iiotctl.errors import SiteError
from iiotctl.site.cells import RawTag
from iiotctl.site.plain import Where, one_line
from iiotctl.site.reduction import Reduction

KEYS: Final = tuple(key for key in Reduction.model_fields if key != "tags")
"""What a rule may give: keys of a tag."""
_NOT_OF_TEXT: Final = ("rollup", "raw")


@dataclass(slots=True)
class Rule:
    """A rule and where it is written.

    Attributes:
        rule: as validated.
        raw: its keys as written.
        where: place of a key.
        is_used: it is about some tag.
    """

    rule: Reduction
    raw: Mapping[str, Any]
    where: Where
    is_used: bool = field(default=False)


def unused(rules: Sequence[Rule]) -> list[SiteError]:
    """A problem for each rule that is about no tag: nobody writes one for nothing."""
    return [
        SiteError(
            "reduction-without-tags",
            f"no tag is named {' or '.join(f'`{one_line(glob)}`' for glob in rule.rule.tags)}",
            where=rule.where("tags"),
            hint="`*` stands for any characters, e.g. `press1.*`; `iiotctl tags list` shows the names",
        )
        for rule in rules
        if not rule.is_used
    ]


def reduced(tag: RawTag, rules: Sequence[Rule]) -> RawTag:
    """The tag with the keys that rules give it; the place of such a key is the rule's."""
    name = tag.values.get("name")
    if not isinstance(name, str):
        return tag
    is_text = str(tag.values.get("type", "")).startswith("string")
    given: dict[str, Rule] = {}
    for rule in rules:
        if not rule.rule.matches(name):
            continue
        rule.is_used = True
        given |= {
            key: rule
            for key in KEYS
            if key in rule.raw and key not in tag.values and not (is_text and key in _NOT_OF_TEXT)
        }
    if not given:
        return tag

    def where(*keys: str | int) -> str:
        rule = given.get(str(keys[0])) if keys else None
        return tag.where(*keys) if rule is None else rule.where(*keys)

    return RawTag({**tag.values, **{key: rule.raw[key] for key, rule in given.items()}}, where, tag.unread)
