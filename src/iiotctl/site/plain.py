"""Validation problems in the words of a plant engineer: what is wrong, where, and what was probably meant."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel, BeforeValidator, ValidationError

from iiotctl.errors import SiteError
from iiotctl.site.address import DATA_TYPES
from iiotctl.site.fields import Bytes, Seconds
from iiotctl.site.model import Site, Tag
from iiotctl.site.sources import Secret
from iiotctl.site.units import format_duration, format_size, parse_duration, parse_size

Where = Callable[..., str]
"""Place of a key below the thing being judged: `where("limits", "low")` → `site.toml:41`."""

_LONGEST_SHOWN: Final = 60
_MOST_HINTS: Final = 100
"""Problems of one table that get a hint; looking for similar words takes time that noise does not deserve."""

_DURATION, _SIZE = (
    next(item for item in typing.get_args(kind)[1:] if isinstance(item, BeforeValidator)).func
    for kind in (Seconds, Bytes)
)
_NAME_RULE: Final = "letters, digits, `_`, `.` and `-`, starting with a letter, digit or `_`"


def similar(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, or None."""
    return _similar(word, tuple(known)) if len(word) <= _LONGEST_SHOWN else None


@lru_cache(maxsize=1024)  # the same mistake stands in thousands of rows of a tag list
def _similar(word: str, choices: tuple[str, ...]) -> str | None:
    if found := difflib.get_close_matches(word, choices, len(choices) or 1, 0.6):
        # of several that are alike the one that is listed first: the usual one
        best = difflib.SequenceMatcher(None, found[0], word).ratio()
        alike = [each for each in found if difflib.SequenceMatcher(None, each, word).ratio() >= best]
        return min(alike, key=choices.index)
    lowered = {choice.lower(): choice for choice in choices}
    if found := difflib.get_close_matches(word.lower(), list(lowered), 1, 0.6):
        return lowered[found[0]]
    return None


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str | None:
    """A hint that names the word probably meant."""
    found = similar(word, known)
    return f"did you mean `{found}`?" if found else otherwise


def one_line(text: str, longest: int = 300) -> str:
    """Text that fits a line of an error: control characters shown as `\\n`, cut when it is long."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return text if len(text) <= longest else text[:longest] + "…"


def show(value: object) -> str:
    """A value as TOML would write it, short and without control characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{one_line(value, _LONGEST_SHOWN)}"'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    return str(value)[:_LONGEST_SHOWN]


def _unwrap(annotation: Any) -> list[type[BaseModel]]:
    """Models an annotation may stand for."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated, tuple, dict):
        return [model for part in typing.get_args(annotation) for model in _unwrap(part)]
    return []


def _model_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    for key in loc:
        if current is None:
            return None
        field = current.model_fields.get(str(key))
        found = _unwrap(field.annotation) if field is not None else []
        current = found[0] if found else None
    return current


def keys_of(model: type[BaseModel]) -> list[str]:
    """Keys as the file writes them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def is_duration(model: type[BaseModel] | None, key: str) -> bool:
    """True for a key whose value is written with a unit of time."""
    return _is_made_by(_DURATION, model, key)


def _is_made_by(maker: Any, model: type[BaseModel] | None, key: str) -> bool:
    field = model.model_fields.get(key) if model is not None else None
    if field is None:
        return False
    kinds = typing.get_args(field.annotation)
    metadata = [*field.metadata, *(item for kind in kinds for item in getattr(kind, "__metadata__", ()))]
    return any(isinstance(item, BeforeValidator) and item.func is maker for item in metadata)


def _choices(expected: str) -> list[str]:
    return [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",")]


_TYPE_WORDS: Final = {
    "string_type": 'text in quotes, e.g. `"text"`',
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "`true` or `false`",
    "tuple_type": "a list, e.g. `[…]`",
    "list_type": "a list, e.g. `[…]`",
    "dict_type": "a table",
    "model_type": "a table, e.g. `{ … }`",
    "model_attributes_type": "a table, e.g. `{ … }`",
}
_BOUNDS: Final = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "greater than"),
    "less_than": ("lt", "less than"),
}


def _bound(error: dict[str, Any], model: type[BaseModel] | None, label: str, key: str) -> str:
    name, words = _BOUNDS[error["type"]]
    limit, value = error["ctx"][name], error["input"]
    # of a key that may be left out the value is still as it was written
    if is_duration(model, key):
        seconds = parse_duration(value) if isinstance(value, str) else value
        return f"{label} must be {words} `{format_duration(limit)}`, not `{format_duration(seconds)}`"
    if _is_made_by(_SIZE, model, key):
        size = parse_size(value) if isinstance(value, str) else value
        return f"{label} must be {words} `{format_size(limit)}`, not `{format_size(size)}`"
    return f"{label} must be {words} {limit:g}, not {show(value)}"


def _pattern(error: dict[str, Any], label: str) -> str:
    pattern = str(error["ctx"]["pattern"])
    if "opc" in pattern:
        return f"{label} must start with `opc.tcp://`, not {show(error['input'])}"
    return f"{label} is {show(error['input'])}; a name has {_NAME_RULE}"


def _count(error: dict[str, Any], label: str) -> str:
    context = error.get("ctx", {})
    if not context.get("actual_length"):
        return f"{label} must not be empty"
    wanted = context.get("max_length", context.get("min_length"))
    return f"{label} has {context.get('actual_length')} values; it takes {wanted}"


def _describe(error: dict[str, Any], model: type[BaseModel] | None, label: str, key: str) -> tuple[str, str | None]:
    """What is wrong with a value, and a hint."""
    kind, value = error["type"], error["input"]
    what, hint = f"{label}: {error['msg'][:1].lower()}{error['msg'][1:]}", None
    if kind == "value_error":
        what = str(error["ctx"]["error"])
        what = what if not key or f"`{key}`" in what or what.startswith(key) else f"{label}: {what}"
        if key == "type" and isinstance(value, str):
            hint = did_you_mean(value, DATA_TYPES)
    elif kind in ("literal_error", "enum"):
        choices = _choices(str(error["ctx"]["expected"]))
        what = f"{label} must be one of {', '.join(f'`{c}`' for c in choices)}, not {show(value)}"
        hint = did_you_mean(value, choices) if isinstance(value, str) else None
    elif kind in _BOUNDS:
        what = _bound(error, model, label, key)
    elif kind == "string_pattern_mismatch":
        what = _pattern(error, label)
    elif kind == "string_too_short":
        what = f"{label} must not be empty"
    elif kind in ("too_long", "too_short"):
        what = _count(error, label)
    elif kind in _TYPE_WORDS:
        what = f"{label} must be {_TYPE_WORDS[kind]}, not {show(value)}"
    return what, hint


_PERCENT: Final = "PercentDeadband"


def _deadband(errors: list[dict[str, Any]], where: Where, thing: str) -> SiteError:
    """The one problem of a `deadband`, which may be a number or a table: that of the form it was written in."""
    inside = [item for item in errors if item["loc"][1] == _PERCENT and len(item["loc"]) > 2]  # noqa: PLR2004 - a key of the table
    first = inside[0] if inside else errors[0]
    found = _one({**first, "loc": ("deadband", *first["loc"][2:])}, Tag, where, thing, hints=True)
    if not inside and first["type"] not in (*_BOUNDS, "finite_number"):
        shown = show(first["input"])
        found.what = f"`deadband` must be a number in the tag's unit or a share of its span, not {shown}"
    if found.slug != "unknown-key":
        found.hint = "write `deadband = 0.05` or `deadband = { percent = 0.5 }`"
    return found


def problems_of(error: ValidationError, model: type[BaseModel], where: Where, thing: str) -> list[SiteError]:
    """The problems of one validated table.

    Args:
        error: what pydantic found.
        model: the table's model.
        where: place of a key in the table.
        thing: how messages call the table, e.g. `[sources.press1]`.
    """
    problems: list[SiteError] = []
    deadband: list[dict[str, Any]] = []
    for number, raw in enumerate(error.errors(include_url=False)):
        item = typing.cast("dict[str, Any]", raw)
        loc: tuple[str | int, ...] = item["loc"]
        if len(loc) > 1 and loc[0] == "deadband":
            deadband.append(item)
            continue
        problems.append(_one(item, model, where, thing, hints=number < _MOST_HINTS))
    if deadband:
        problems.append(_deadband(deadband, where, thing))
    return problems


def _key_hint(key: str, known: list[str]) -> str | None:
    otherwise = f"known keys: {', '.join(known)}" if known else None
    if key in keys_of(Site):
        # TOML reads a key below `[table]` as part of that table
        otherwise = f"`{key}` belongs to the top of the file, above the first `[table]`"
    return did_you_mean(key, known, otherwise)


def _one(item: dict[str, Any], model: type[BaseModel], where: Where, thing: str, *, hints: bool) -> SiteError:
    loc: tuple[str | int, ...] = item["loc"]
    holder = _model_at(model, loc[:-1])
    keys = [str(part) for part in loc if isinstance(part, str)]
    key = keys[-1] if keys else ""
    label = f"`{'.'.join(keys)}`" if keys else thing
    if item["type"] == "extra_forbidden":
        inside = thing if len(loc) == 1 else f"`{'.'.join(keys[:-1])}` of {thing}"
        known = keys_of(holder) if holder is not None else []
        return SiteError(
            "unknown-key",
            f"unknown key `{show(key)[1:-1]}` in {inside}",
            where=where(*loc),
            hint=_key_hint(key, known) if hints else None,
        )
    if item["type"] == "missing" and isinstance(loc[-1], str):
        return SiteError("missing-key", f"{label} is missing in {thing}", where=where(*loc[:-1]))
    if item["type"] == "missing":
        return SiteError("site-value", f"{label} has too few values", where=where(*loc))
    if holder is Secret or _model_at(model, loc) is Secret:
        return SiteError(
            "secret-in-file",
            f"{label} must be a reference, never the secret itself",
            where=where(*loc),
            hint=f'write `{keys[0] if keys else "password"} = {{ env = "NAME" }}` or `{{ file = "path" }}`',
        )
    what, hint = _describe(item, holder, label, key)
    if item["type"] == "value_error" and not loc:
        # a rule of the whole table names the keys to look at; the first that was written has a line
        written = item["input"] if isinstance(item["input"], dict) else {}
        named = [word for word in re.findall(r"`(\w+)`", what) if word in written]
        loc = (named[0],) if named else loc
    return SiteError("site-value", one_line(what), where=where(*loc), hint=hint)
