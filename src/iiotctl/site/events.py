"""`[[events]]` of the site file: what counts as an event, by conditions over stored samples."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from iiotctl.site.condition import Expression, NoConditionError, claims, contrary, lasting, parse
from iiotctl.site.fields import Model, Name, Seconds


class EventDefinition(Model):
    """`[[events]]`: one kind of event."""

    name: Name = Field(description="of the event, e.g. hot")
    start: str = Field(description='what begins it, e.g. "press1.oil.temperature > 60"')
    end: str | None = Field(
        default=None,
        description='what ends it, e.g. "press1.oil.temperature < 55"; else that `start` is no longer true',
    )
    for_: Seconds = Field(
        default=0.0, alias="for", description="how long `start` must hold; the event begins where it began to"
    )
    end_for: Seconds = Field(default=0.0, description="how long `end` must hold; the event is over where it began to")
    severity: Literal["critical", "high", "medium", "low", "info"] | None = Field(
        default=None, description="how much it matters"
    )
    asset: Name | None = Field(default=None, description="machine that it is about")
    tags: tuple[str, ...] = Field(default=(), description="tags whose minimum, maximum and mean are kept with it")
    min_duration: Seconds = Field(default=0.0, description="shorter ones do not count")
    join: Seconds = Field(default=0.0, description="events with less than this between them are one")
    description: str = Field(default="", description="free text")

    @field_validator("tags", mode="before")
    @classmethod
    def _tuples(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("start", "end", mode="after")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return parse(value).text
        except NoConditionError as error:
            msg = f"`{value}` is no condition: {error}"
            raise ValueError(msg) from None

    @model_validator(mode="after")
    def _ends(self) -> Self:
        start = parse(self.start)
        if start.hold_s and self.for_:
            msg = "`for` stands in the text of `start` already"
            raise ValueError(msg)
        if self.for_ and lasting(start.expression) is None:
            msg = "`for` asks `start` to last, and it is true for a moment only"
            raise ValueError(msg)
        if self.end is None:
            if contrary(start) is None:
                msg = "`end` is missing: what begins with `changes` is a moment, and nothing says how long it lasts"
                raise ValueError(msg)
            return self
        end = parse(self.end)
        if start.hysteresis or end.hysteresis:
            msg = "`end` and a hysteresis say the same: leave one of them out"
            raise ValueError(msg)
        if end.hold_s and self.end_for:
            msg = "`end_for` stands as `for` in the text of `end` already"
            raise ValueError(msg)
        if self.end_for and lasting(end.expression) is None:
            msg = "`end_for` asks `end` to last, and it is true for a moment only"
            raise ValueError(msg)
        return self

    @property
    def begin(self) -> Expression:
        """The start condition."""
        start = parse(self.start).expression
        return (lasting(start) if self.hold_us else None) or start

    @property
    def ending(self) -> Expression:
        """The end condition."""
        if self.end is None:
            back = contrary(parse(self.start))
            assert back is not None  # judged when the definition was read
            return back
        end = parse(self.end).expression
        return (lasting(end) if self.end_hold_us else None) or end

    @property
    def hold_us(self) -> int:
        """How long the start condition must hold, µs."""
        return round((self.for_ or parse(self.start).hold_s) * 1e6)

    @property
    def end_hold_us(self) -> int:
        """How long the end condition must hold, µs."""
        return round((self.end_for or (parse(self.end).hold_s if self.end else 0.0)) * 1e6)

    @property
    def watched(self) -> tuple[str, ...]:
        """The tags that decide, each once."""
        return tuple(dict.fromkeys(claim.tag for part in (self.begin, self.ending) for claim in claims(part)))

    @property
    def hash(self) -> str:
        """Changes with anything that decides when there is an event; 16 hexadecimal digits."""
        facts = self.model_dump(include={"name", "start", "end", "for_", "end_for", "asset", "min_duration", "join"})
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
