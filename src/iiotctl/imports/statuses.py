"""Quality as historians write it, to OPC UA status codes: words, OPC DA numbers, OPC UA numbers and names."""

from __future__ import annotations

import re
from typing import Final, Literal

import polars as pl

from iiotctl import quality

Scheme = Literal["opc-da", "opc-ua"]

_CODE: Final = quality.CODES
_DA: Final[dict[int, int]] = {
    0: _CODE["Bad"],
    4: _CODE["BadConfigurationError"],
    8: _CODE["BadNotConnected"],
    12: _CODE["BadDeviceFailure"],
    16: _CODE["BadSensorFailure"],
    20: _CODE["BadNoCommunication"],
    24: _CODE["BadNoCommunication"],
    28: _CODE["BadOutOfService"],
    32: _CODE["BadWaitingForInitialData"],
    64: _CODE["Uncertain"],
    68: _CODE["UncertainLastUsableValue"],
    80: _CODE["UncertainSensorNotAccurate"],
    84: _CODE["UncertainEngineeringUnitsExceeded"],
    88: _CODE["UncertainSubNormal"],
    192: _CODE["Good"],
    216: _CODE["GoodLocalOverride"],
}
"""OPC DA 3.0 quality without limit bits → OPC UA (OPC 10000-8 Annex A)."""
_WORDS: Final[dict[str, int]] = {
    "g": _CODE["Good"],
    "ok": _CODE["Good"],
    "valid": _CODE["Good"],
    "gut": _CODE["Good"],
    "normal": _CODE["Good"],
    "b": _CODE["Bad"],
    "invalid": _CODE["Bad"],
    "schlecht": _CODE["Bad"],
    "error": _CODE["Bad"],
    "u": _CODE["Uncertain"],
    "unsicher": _CODE["Uncertain"],
    "questionable": _CODE["Uncertain"],
    "suspect": _CODE["Uncertain"],
    "doubtful": _CODE["Uncertain"],
    "substituted": _CODE["UncertainSubstituteValue"],
    "substitute": _CODE["UncertainSubstituteValue"],
    "interpolated": _CODE["Uncertain"],
    "stale": _CODE["UncertainLastUsableValue"],
    "last known": _CODE["UncertainLastUsableValue"],
    "comm fail": _CODE["BadNoCommunication"],
    "comm failure": _CODE["BadNoCommunication"],
    "not connected": _CODE["BadNotConnected"],
    "disconnected": _CODE["BadNotConnected"],
    "sensor failure": _CODE["BadSensorFailure"],
    "device failure": _CODE["BadDeviceFailure"],
    "out of service": _CODE["BadOutOfService"],
    "config error": _CODE["BadConfigurationError"],
    "configuration error": _CODE["BadConfigurationError"],
}
_PLAINLY: Final = re.compile(r"(good|uncertain|bad|gut|unsicher|schlecht)\b", re.IGNORECASE)
"""Words that hardly stand for anything else; `error` or `ok` may be the state of a machine."""
_SEVERITY: Final = re.compile(r"(good|uncertain|bad)\b")
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]{1,8}|-?\d{1,10}(?:\.0*)?")
_IN_BRACKETS: Final = re.compile(r"(.+?)\s*[\[(]([^\])]*)[\])]")
_DA_MOST: Final = 0xFF
_DA_LIMITS: Final = 0x3
_DA_GOOD: Final = 0xC0
_VENDOR_MOST: Final = 0xFFFF


def number(code: int, scheme: Scheme) -> int | None:
    """Status code of a number; None when the scheme has no such one."""
    if -(1 << 31) <= code < 0:
        code += 1 << 32  # OPC UA codes that an export took for signed
    if not 0 <= code < 1 << 32:
        return None
    if scheme == "opc-ua" or code > _VENDOR_MOST:
        return code
    if code > _DA_MOST:
        return _CODE["Bad"]  # Ignition's own codes above 255 are all refusals: disabled, stale, unknown …
    plain = code & ~_DA_LIMITS
    if plain in _DA:
        return _DA[plain]
    return (_CODE["Bad"], _CODE["Uncertain"], None, _CODE["Good"])[code >> 6]


def word(text: str, scheme: Scheme) -> int | None:  # noqa: PLR0911 - a table
    """Status code of a quality as written; None when it cannot be told."""
    stripped = text.strip()
    if _NUMBER.fullmatch(stripped):
        return number(int(stripped.partition(".")[0], 0) if "x" in stripped.lower() else int(float(stripped)), scheme)
    try:
        return quality.parse(stripped)
    except ValueError:
        pass
    lowered = re.sub(r"[\s_]+", " ", stripped.lower()).strip()
    if lowered in _WORDS:
        return _WORDS[lowered]
    if match := _IN_BRACKETS.fullmatch(stripped):
        inside = word(match[2], scheme)
        return word(match[1], scheme) if inside is None else inside
    joined = lowered.replace(" ", "").replace(",", "").replace("-", "").replace(":", "").replace("/", "")
    by_name = {name.lower(): code for name, code in _CODE.items()}
    if joined in by_name:
        return by_name[joined]
    if match := _SEVERITY.match(lowered):
        return {"good": _CODE["Good"], "uncertain": _CODE["Uncertain"], "bad": _CODE["Bad"]}[match[1]]
    return None


def read(column: pl.Series, scheme: Scheme) -> tuple[pl.Series, pl.Series]:
    """(status codes, refused); a null stays null and is not refused."""
    texts = column if column.dtype == pl.String else column.cast(pl.String, strict=False)
    unique = texts.drop_nulls().unique()
    codes = [word(text, scheme) for text in unique.to_list()]
    found = texts.replace_strict(unique, pl.Series(codes, dtype=pl.UInt32), default=None, return_dtype=pl.UInt32)
    return found, found.is_null() & texts.is_not_null()


def scheme_evidence(words: list[str]) -> Scheme | None:
    """Which numbers these are; None when only zeros (Good in OPC UA, Bad in OPC DA) were seen."""
    if words and not any(_NUMBER.fullmatch(text.strip()) for text in words):
        return "opc-ua"  # words: the question does not arise
    for text in words:
        stripped = text.strip()
        if not _NUMBER.fullmatch(stripped):
            continue
        code = int(stripped, 0) if "x" in stripped.lower() else int(float(stripped))
        if 0 < code <= _DA_MOST:
            return "opc-da"
        if code:
            return "opc-ua"
    return None


def first_number(words: list[str]) -> str | None:
    """The first of some qualities that is a number; None when all are words."""
    return next((text for text in words if _NUMBER.fullmatch(text.strip())), None)


def looks_like_quality(words: list[str]) -> bool:
    """Whether some cells can be nothing but quality: its plain words, or OPC DA's numbers with a Good one among them."""
    stripped = {text.strip() for text in words}
    if all(text.isdigit() for text in stripped):
        known = all(len(text) <= 3 and (int(text) & ~_DA_LIMITS) in _DA for text in stripped)  # noqa: PLR2004 - digits
        return known and any(int(text) >= _DA_GOOD for text in stripped)
    return all(_PLAINLY.match(text) for text in stripped)


def flagged(text: str | None) -> bool:
    """Whether a flag column (Questionable, Substituted) says yes."""
    return (text or "").strip().lower() in {"1", "y", "yes", "true", "q", "s", "ja", "wahr", "x", "1.0"}
