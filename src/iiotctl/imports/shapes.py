"""Which column means what: the shapes of five common exports, judged by their headers and first rows. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from iiotctl.imports import statuses, times
from iiotctl.imports.failure import bad_shape
from iiotctl.imports.statuses import Scheme
from iiotctl.imports.titles import CLOCK, DATE, OFFSET, QUALITY, TAG, TEXT, TIME, UNIT, VALUE, key, zoned

MOST_COLUMNS: Final = 20_000

_PICONFIG: Final = 3
"""Columns that piconfig writes, without titles."""
_FLAGS: Final = {"questionable": "questionable", "substituted": "substituted"}
_OTHERS: Final = ("ts_source", "ts_server", "ts_received", "site")
_COMPANION: Final = re.compile(
    r"^(?P<base>.+?)[\s._\-/:(\[]+(?P<kind>quality|status|qual|qualität|value|val|timestamp|time|numericid)[)\]]?$",
    re.IGNORECASE,
)
_UNIT_IN_NAME: Final = re.compile(r"^(?P<name>.+?)\s*[\[(](?P<unit>[^\[\]()]{1,12})[\])]$")


@dataclass(frozen=True, slots=True)
class WideColumn:
    """A tag that has a column of its own; indices of columns."""

    name: str
    value: int
    quality: int | None = None
    time: int | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """Indices of columns by meaning.

    Attributes:
        name: what was recognised, for people.
        time: the time's column, or date and clock.
        tag: of the tag's name in long files.
        values: in long files, where the value stands; the first that is not empty counts.
        wide: in wide files, a column a tag.
        scheme: of numeric quality where the shape tells, else None.
        others: columns of the store (ts_source …) by name.
        offset: of the times from UTC, in hours.
    """

    name: str
    time: tuple[int, ...]
    tag: int | None = None
    values: tuple[int, ...] = ()
    wide: tuple[WideColumn, ...] = ()
    fixed_tag: str = ""
    quality: int | None = None
    text: int | None = None
    unit: int | None = None
    questionable: int | None = None
    substituted: int | None = None
    scheme: Scheme | None = None
    others: dict[str, int] = field(default_factory=dict)
    offset: int | None = None

    @property
    def is_wide(self) -> bool:
        """A column a tag, instead of a row a sample."""
        return bool(self.wide)


@dataclass(frozen=True, slots=True)
class Asked:
    """Columns as the user names them (title, or number from 1), and the tag of a file that names none."""

    time: str | None = None
    tag: str | None = None
    value: str | None = None
    quality: str | None = None
    fixed_tag: str | None = None


def recognise(
    header: Sequence[str] | None,
    sample: Sequence[Sequence[str]],
    asked: Asked,
    path: Path,
    *,
    units: Sequence[str] = (),
) -> Shape:
    """What the columns mean.

    Args:
        header: titles, or None when the file has none.
        sample: some rows.
        asked: what the user says; it wins.
        path: the file, for errors.
        units: of the columns, where a row below the header names them.

    Raises:
        UsageError: `import-shape`, with the flag that would settle it.
    """
    width = len(header) if header is not None else max((len(row) for row in sample), default=0)
    if width > MOST_COLUMNS:
        raise bad_shape(path, f"the file has {width} columns, more than {MOST_COLUMNS}")
    titles = list(header) if header is not None else [""] * width
    view = _View(titles, sample, path, units)
    shape = None
    if asked == Asked() and header is not None:
        shape = _kepware(view) or _ignition_long(view)
    shape = shape or _generic(view, asked)
    return replace(shape, others={} if shape.is_wide else _others(view), offset=_offset(view, shape.time))


class _View:
    """Titles and sample rows, and questions about them."""

    def __init__(
        self, titles: list[str], sample: Sequence[Sequence[str]], path: Path, units: Sequence[str] = ()
    ) -> None:
        self.titles, self.sample, self.path = titles, sample, path
        self.units = list(units) or [""] * len(titles)
        self.keys = [key(zoned(title)[0]) for title in titles]

    def named(self, names: frozenset[str], besides: Sequence[int] = ()) -> int | None:
        return next((i for i, word in enumerate(self.keys) if word in names and i not in besides), None)

    def asked(self, word: str, flag: str) -> int:
        if word in self.titles:
            return self.titles.index(word)
        if key(word) in self.keys:
            return self.keys.index(key(word))
        if word.isdigit() and 1 <= int(word) <= len(self.titles):
            return int(word) - 1
        shown = ", ".join(f"`{title}`" for title in self.titles[:12] if title)
        raise bad_shape(
            self.path, f"there is no column `{word}`", cause=f"its columns are {shown}", hint=f"{flag} COLUMN"
        )

    def cells(self, column: int) -> list[str]:
        return [row[column] for row in self.sample if column < len(row) and row[column] and row[column].strip()]

    def is_time(self, column: int) -> bool:
        cells = self.cells(column)
        if not cells:
            return False
        reader = times.guess(cells[:50])
        return reader is not None and (reader.kind != "excel" or "," in "".join(cells) or "." in "".join(cells))

    def is_number(self, column: int) -> bool:
        cells = self.cells(column)
        return bool(cells) and all(re.fullmatch(r"\s*[+-]?[\d.,]+(?:[eE][+-]?\d+)?\s*", cell) for cell in cells)

    def is_quality(self, column: int) -> bool:
        return statuses.looks_like_quality(self.cells(column))


def _kepware(view: _View) -> Shape | None:
    """KEPServerEX DataLogger: narrow (`_NAME, _NUMERICID, _VALUE, _TIMESTAMP, _QUALITY`) and wide (`TAG_VALUE` …)."""
    upper = [title.strip().upper() for title in view.titles]
    if {"_NAME", "_VALUE", "_TIMESTAMP"} <= set(upper):
        return Shape(
            "Kepware datalogger, long",
            (upper.index("_TIMESTAMP"),),
            tag=upper.index("_NAME"),
            values=(upper.index("_VALUE"),),
            quality=upper.index("_QUALITY") if "_QUALITY" in upper else None,
            scheme="opc-da",
        )
    bases = [title[: -len("_VALUE")] for title in view.titles if title.strip().upper().endswith("_VALUE")]
    place = {title.strip().upper(): i for i, title in enumerate(view.titles)}
    wide = tuple(
        WideColumn(base, place[f"{base}_VALUE".upper()], place.get(f"{base}_QUALITY".upper()), place[stamp])
        for base in bases
        if base and (stamp := f"{base}_TIMESTAMP".upper()) in place
    )
    if not wide:
        return None
    assert wide[0].time is not None
    return Shape("Kepware datalogger, wide", (wide[0].time,), wide=wide, scheme="opc-da")


def _ignition_long(view: _View) -> Shape | None:
    """Ignition's history tables (`sqlt_data_…`): a column a type, `dataintegrity` and `t_stamp`."""
    place = {title.strip().lower(): i for i, title in enumerate(view.titles)}
    tag = next((place[name] for name in ("tagpath", "path", "tagid") if name in place), None)
    values = tuple(place[name] for name in ("floatvalue", "intvalue", "stringvalue", "datevalue") if name in place)
    if "t_stamp" not in place or tag is None or not values:
        return None
    return Shape(
        "Ignition tag history, long",
        (place["t_stamp"],),
        tag=tag,
        values=values,
        quality=place.get("dataintegrity"),
        scheme="opc-da",
    )


def _time_columns(view: _View, asked: Asked) -> tuple[int, ...]:
    if asked.time is not None:
        return tuple(view.asked(word.strip(), "--time-column") for word in asked.time.split("+"))
    date = view.named(DATE)
    clock = None if date is None else view.named(CLOCK, (date,))
    if date is not None and clock is not None and not any(":" in times.day_of(cell) for cell in view.cells(date)):
        return date, clock
    for found in (view.named(TIME), date):
        if found is not None and (view.is_time(found) or not view.cells(found)):
            return (found,)
    found = next((i for i in range(len(view.titles)) if view.is_time(i)), None)
    if found is not None:
        return (found,)
    if any(view.named(names) is not None for names in (TIME, DATE)):
        column = view.named(TIME) if view.named(TIME) is not None else view.named(DATE)
        assert column is not None
        cells = view.cells(column)
        raise bad_shape(
            view.path,
            f"the times in `{view.titles[column]}` are of no form that is known",
            cause=f"e.g. `{cells[0][:40]}`" if cells else "the column is empty",
            hint="write them as ISO 8601 (`2026-11-21T14:05:03Z`), or name another column: `--time-column COLUMN`",
        )
    shown = ", ".join(f"`{title}`" for title in view.titles[:12] if title) or "none: the file has no header"
    raise bad_shape(
        view.path, "no column holds times", cause=f"columns: {shown}", hint="name it: `--time-column COLUMN`"
    )


def _generic(view: _View, asked: Asked) -> Shape:
    time = _time_columns(view, asked)
    tag = view.asked(asked.tag, "--tag-column") if asked.tag is not None else view.named(TAG, time)
    value = view.asked(asked.value, "--value-column") if asked.value is not None else view.named(VALUE, time)
    quality = view.asked(asked.quality, "--quality-column") if asked.quality is not None else view.named(QUALITY, time)
    untitled = not any(view.titles)
    fixed = asked.fixed_tag or ""
    if untitled and tag is None and not (fixed and value is not None):
        tag, value = _by_content(view, time, value)
    if tag is not None and value is None:
        rest = [i for i in range(len(view.titles)) if i not in (*time, tag, quality)]
        value = next((i for i in rest if view.is_number(i)), rest[0] if len(rest) == 1 else None)
        if value is None:
            raise bad_shape(view.path, "no column holds the values", hint="name it: `--value-column COLUMN`")
    if tag is not None or (value is not None and fixed):
        assert value is not None
        pi = any(key(title) in ("pitag", "pipoint", "questionable") for title in view.titles)
        pi = pi or (untitled and len(view.titles) == _PICONFIG)
        flags = {name: view.named(frozenset((word,))) for word, name in _FLAGS.items()}
        text, unit = view.named(TEXT, (value,)), view.named(UNIT)
        if quality is None:
            used = {*time, tag, value, text, unit, *flags.values(), *_others(view).values()}
            quality = next((i for i in range(len(view.titles)) if i not in used and view.is_quality(i)), None)
        return Shape(
            "PI, long" if pi else "generic, long",
            time,
            tag=tag,
            values=(value,),
            fixed_tag=fixed if tag is None else "",
            quality=quality,
            text=text,
            unit=unit,
            **flags,  # type: ignore[arg-type]
        )
    return _wide(view, time, value)


def _by_content(view: _View, time: tuple[int, ...], value: int | None) -> tuple[int | None, int | None]:
    """Tag and value of a file without header, as piconfig writes them: tag, time, value."""
    rest = [i for i in range(len(view.titles)) if i not in time and not view.is_quality(i)]
    tag = next((i for i in rest if view.cells(i) and not view.is_number(i)), None)
    if tag is None:
        raise bad_shape(
            view.path,
            "the file has no header, and no column holds names of tags",
            hint="add a header line, or name the tag of the file: `--tag NAME --value-column 2`",
        )
    return tag, value if value is not None else next((i for i in rest if i != tag), None)


def _wide(view: _View, time: tuple[int, ...], value: int | None) -> Shape:
    """A column a tag, with or without a column of its quality."""
    titles = view.titles
    quality, names = _companions(view, time)
    loose = [i for i, word in enumerate(view.keys) if word in QUALITY and i not in time]
    if len(loose) > 1:  # `Quality` behind each value
        quality |= {i - 1: i for i in loose if i > 0 and i not in quality.values()}
    whole = loose[0] if len(loose) == 1 and loose[0] not in quality.values() else None
    skipped = {*time, *quality.values(), whole}
    wide = []
    for i, title in enumerate(titles):
        if i in skipped or not title.strip() or view.keys[i].endswith(OFFSET):
            continue
        unit = _UNIT_IN_NAME.match(names.get(i, title).strip())
        name = unit["name"] if unit else names.get(i, title).strip()
        wide.append(WideColumn(name, i, quality.get(i, whole), None, unit["unit"].strip() if unit else view.units[i]))
    if value is not None and all(each.value == value or view.is_quality(each.value) for each in wide):
        raise bad_shape(
            view.path, "the file names no tag", hint="say whose values they are: `--tag press1.hydraulics.pressure`"
        )
    if not wide:
        raise bad_shape(view.path, "no column holds values", hint="name it: `--value-column COLUMN`")
    ignition = titles[time[0]].strip().lower() == "t_stamp"
    return Shape(
        "Ignition, wide" if ignition else "generic, wide", time, wide=tuple(wide), scheme="opc-da" if ignition else None
    )


def _companions(view: _View, time: tuple[int, ...]) -> tuple[dict[int, int], dict[int, str]]:
    """Quality columns by their value's column (`Temp.Quality`), and names of columns titled `Temp.Value`."""
    places = {title.strip().lower(): i for i, title in enumerate(view.titles)}
    for i, title in enumerate(view.titles):
        if unit := _UNIT_IN_NAME.match(title.strip()):
            places.setdefault(unit["name"].strip().lower(), i)
    quality: dict[int, int] = {}
    names: dict[int, str] = {}
    for i, title in enumerate(view.titles):
        match = _COMPANION.match(title.strip())
        if i in time or match is None:
            continue
        base, kind = match["base"].strip(), match["kind"].lower()
        values = (base.lower(), *(f"{base.lower()}{sign}value" for sign in "._ "))
        owner = next((places[name] for name in values if name in places), None)
        if kind.startswith(("qual", "stat")) and owner is not None and owner != i:
            quality[owner] = i
        elif kind.startswith("val") and any(f"{base.lower()}{sign}quality" in places for sign in "._ "):
            names[i] = base
    return quality, names


def _offset(view: _View, time: tuple[int, ...]) -> int | None:
    """The column that says how far the times are from UTC."""
    beside = f"{view.keys[time[0]]}{OFFSET}" if time else ""
    return view.keys.index(beside) if beside in view.keys else None


def _others(view: _View) -> dict[str, int]:
    return {name: view.titles.index(name) for name in _OTHERS if name in view.titles}
