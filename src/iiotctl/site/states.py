"""`[states]` of the site file: when a machine is off, ramping, steady or in maintenance, by conditions on tags."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field, field_validator

from iiotctl.errors import SiteError
from iiotctl.site.condition import MOMENTS, Claim, Condition, Expression, NoConditionError, claims, parse
from iiotctl.site.fields import Model, Seconds

if TYPE_CHECKING:
    from iiotctl.site.model import Tag
    from iiotctl.site.plain import Where

NAMES: Final = ("maintenance", "off", "ramp", "steady")
"""The states in the order in which they are asked: the first whose condition is true holds."""
SETTLE: Final = 600.0
"""s."""


class AssetStates(Model):
    """`[states.ASSET]`: the operating states of one machine."""

    off: str | None = Field(default=None, description='at rest, e.g. "press1.pump.running = 0"')
    ramp: str | None = Field(default=None, description="starting, stopping, changing over")
    steady: str | None = Field(default=None, description="running; else whatever is none of the others")
    maintenance: str | None = Field(default=None, description="being worked on: nothing is judged")
    settle: Seconds = Field(default=SETTLE, ge=0, description="after a change of state nothing of motion is judged")
    tags: tuple[str, ...] = Field(
        default=(), description="globs: tags that it holds for; else those whose `asset` has this name"
    )

    @field_validator("tags", mode="before")
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator(*NAMES, mode="after")
    @classmethod
    def _lasting(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parsed = parse(value)
        except NoConditionError as error:
            msg = f"`{value}`: {error}"
            raise ValueError(msg) from None
        moments = [one.condition for one in claims(parsed.expression) if one.condition in MOMENTS]
        if moments:
            msg = f"`{moments[0]}` is a moment and no state; a state lasts, e.g. `pump.running = 0`"
            raise ValueError(msg)
        if parsed.hysteresis or parsed.hold_s:
            msg = "a state has no `hysteresis` and no `for`; there is `settle`"
            raise ValueError(msg)
        return parsed.text

    def conditions(self) -> dict[str, Expression]:
        """The conditions by name of the state, in the order in which they are asked."""
        texts = {name: getattr(self, name) for name in NAMES}
        return {name: parse(text).expression for name, text in texts.items() if text is not None}

    @property
    def watched(self) -> tuple[str, ...]:
        """The tags that decide, each once."""
        return tuple(dict.fromkeys(one.tag for of in self.conditions().values() for one in claims(of)))

    def holds_for(self, asset: str, tag: str, of_asset: str) -> bool:
        """Whether a tag has these states.

        Args:
            asset: name of this table.
            tag: name of the tag.
            of_asset: the tag's asset, or "".
        """
        return any(fnmatchcase(tag, glob) for glob in self.tags) if self.tags else of_asset == asset


def state_problems(states: Mapping[str, AssetStates], tags: Iterable[Tag], where: Where) -> Iterator[SiteError]:
    """What of valid `[states]` does not fit the tags.

    Args:
        states: by name of the asset.
        tags: tags of the site.
        where: place of a key, e.g. `where("press1", "off")`.
    """
    by_name = {tag.name: tag for tag in tags}
    if not by_name:
        return  # those of the store are meant
    for asset, of_asset in states.items():
        for name, expression in of_asset.conditions().items():
            for claim in claims(expression):
                tag = by_name.get(claim.tag)
                if tag is None:
                    near = difflib.get_close_matches(claim.tag, by_name, n=1)
                    yield SiteError(
                        "state-tag",
                        f"the state `{name}` of `{asset}` names the unknown tag `{claim.tag}`",
                        where=where(asset, name),
                        hint=f"did you mean `{near[0]}`?" if near else "`iiotctl tags list` shows what there is",
                    )
                elif claim.text is not None and number_of(claim, tag.enum or {}) is None:
                    yield SiteError(
                        "state-tag",
                        f"the state `{name}` of `{asset}` compares `{claim.tag}` with the text `{claim.text}`",
                        where=where(asset, name),
                        hint="compare with a number, or give the tag an `enum` that has this text",
                    )
        if not any(of_asset.holds_for(asset, tag.name, tag.asset or "") for tag in by_name.values()):
            yield SiteError(
                "state-tag",
                f"`[states.{asset}]` holds for no tag",
                where=where(asset),
                hint=f'give tags `asset = "{asset}"`, or name them: `tags = ["{asset}.*"]`',
            )


def number_of(claim: Claim, enum: Mapping[str, str]) -> float | None:
    """What a claim compares with: its number, or that of its text by the tag's `enum`; None = no such text."""
    if claim.text is None:
        return claim.threshold
    if claim.condition not in (Condition.EQUAL, Condition.UNEQUAL):
        return None
    return next((float(int(number, 0)) for number, text in enum.items() if text == claim.text), None)
