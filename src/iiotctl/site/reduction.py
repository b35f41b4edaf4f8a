"""Edge reduction in the site file: what of the delivered samples is stored, of one tag or by rule of many."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from iiotctl.site.fields import Finite, Model, Seconds
from iiotctl.site.units import DURATION_PATTERN, format_duration

_DAY_S: Final = 86_400


def _intervals(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def check_intervals(value: tuple[float, ...]) -> tuple[float, ...]:
    """The intervals of roll-ups as they are.

    Raises:
        ValueError: one does not divide the day evenly, or stands there twice.
    """
    for interval in value:
        if not 1 <= interval <= _DAY_S or _DAY_S % interval:
            text = format_duration(interval) if interval else "0s"
            msg = f"a roll-up's interval divides the day evenly, from 1 s to 1 d, e.g. `1min`, `15min`, `1h`; `{text}` does not"
            raise ValueError(msg)
    if len(set(value)) < len(value):
        msg = "`rollup` names an interval twice"
        raise ValueError(msg)
    return value


_ONE: Final = {"type": "string", "pattern": DURATION_PATTERN, "examples": ["1min", "15min"]}
RollupIntervals = Annotated[
    tuple[Seconds, ...],
    BeforeValidator(_intervals),
    WithJsonSchema({"anyOf": [{"type": "string", "examples": ["1min"]}, {"type": "array", "items": _ONE}]}),
]


class PercentDeadband(Model):
    """`deadband = { percent = 0.5 }`: of the tag's span."""

    percent: float = Field(gt=0, le=100, description="share of the span")


Band = Annotated[Finite, Field(ge=0)] | PercentDeadband | None


class Reduction(Model):
    """`[[reduction]]`: what is stored of many tags at once."""

    tags: tuple[str, ...] = Field(min_length=1, description='globs of tag names, e.g. "press1.*", or a list of them')
    deadband: Band = Field(default=None, description="as of a tag")
    heartbeat: Seconds = Field(default=600.0, gt=0, description="as of a tag")
    rollup: RollupIntervals = Field(default=(), description="as of a tag; passed over for text tags")
    raw: bool = Field(default=True, description="as of a tag; passed over for text tags")

    @field_validator("tags", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value

    _evenly = field_validator("rollup", mode="after")(check_intervals)

    def matches(self, name: str) -> bool:
        """Whether the rule is about the tag of this name."""
        return any(fnmatchcase(name, glob) for glob in self.tags)
