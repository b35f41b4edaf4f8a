"""Write docs/reference/site-file.md: every key of the site file from its model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

HEAD = """\
# Site file

`site.toml` says what exists in the plant and how it is read. It is found upward from the working directory, or
by `--site FILE`, or by `IIOTCTL_SITE`. [`iiotctl init`](cli.md#iiotctl-init) writes a commented one.

- A key that iiotctl does not know is an error with file, line and the key that was probably meant: a misspelt
  key would be silently without effect.
- Durations and sizes carry their unit: `"500ms"`, `"1s"`, `"15min"`, `"1h30min"`; `"64MB"`, `"2GB"`.
- Secrets stand there only by reference, see [Secrets](#secrets).
- A value is looked for in this order: flag, [environment variable](environment.md), site file, user file,
  default. `iiotctl site show --origin` says where each one comes from.
- `iiotctl site check` finds every problem without contact to a device; `iiotctl site schema` prints the JSON
  Schema with which editors complete and check the file.

**required** in the column *default* means that the key must be there; an empty cell means that nothing is set.
"""

TYPES = """
## Modbus addresses and types

Addresses count from zero as on the wire, `holding:11`, `input:0`, `coil:5`, `discrete:7`, or are traditional
references, which count from one: `40012` or `400012` is `holding:11`. One bit of a register is `holding:11/3`,
0 = least significant.

Types: {types}; `n` is the number of bytes, two a register. Without `type`, a single bit is a `bool` and a
register a `uint16`.

Orders are named after where the bytes A (most significant) to D stand on the wire:

| order | 32 bits | 64 bits | 16 bits and strings |
|---|---|---|---|
| `ABCD` | A B C D | A B C D E F G H | A B |
| `CDAB` | C D A B | G H E F C D A B | A B |
| `BADC` | B A D C | B A D C F E H G | B A |
| `DCBA` | D C B A | H G F E D C B A | B A |

Two values on one unit may not overlap, except that the same registers may be read twice and a single register
may lie inside an integer: everything else is a mistake in an address or a type.

## Names that must exist

`source` of a tag, `twin` and `siblings` must exist. `asset` and `zone` are free labels as long as the file
declares no `[[assets]]` or no `[[zones]]`; from the first declaration on, a name that is not declared is an
error. A tag name has at most {longest} bytes.

## Secrets
{secret}
The environment variable or the file (relative to the site file, holding nothing else) is read when the
connection is made. A secret is never shown, not even in errors. A secret file that other users can read is
warned about.

## Tag lists

`tags_file` names one or several lists, CSV or XLSX: a row a tag, columns named as the keys of `[[tags]]`, limits
as `low`, `high`, `low_low`, `high_high`. See [Tag lists in Excel](../how-to/tag-lists-in-excel.md).

## User file

`~/.config/iiotctl/config.toml` (`XDG_CONFIG_HOME` is honoured; `%APPDATA%` on Windows) may hold `[store]` and
`[capture]` for all sites of a user, and `pki`, the folder of iiotctl's own OPC UA certificate and of the server
certificates that were accepted.

This page is made from the program by `make gen`.
"""


def pages() -> dict[Path, str]:
    """The page with its text."""
    from iiotctl.site import model, sources
    from iiotctl.site.address import DATA_TYPES
    from iiotctl.site.jsonschema import site_schema

    schema = site_schema()
    definitions = schema["$defs"]

    def section(name: str, heading: str) -> str:
        definition = definitions[name]
        text = str(definition.get("description", "")).strip()
        intro = text.partition(": ")[2] or text
        intro = intro[:1].upper() + intro[1:]
        return f"\n## {heading}\n\n{intro}\n\n{_table(definition, getattr(sources if hasattr(sources, name) else model, name))}"

    parts = [HEAD, "\n## Top of the file\n\nThese keys stand above the first table.\n\n", _table(schema, top=True)]
    parts += [
        section("SiteInfo", "[site]"),
        section("StoreSettings", "[store]"),
        section("CaptureSettings", "[capture]"),
        section("RetainSettings", "[retain]"),
        section("AuditSettings", "[audit]"),
        section("AssetStates", "[states.ASSET]"),
        *(section(of.__name__, f'[sources.NAME] with type = "{kind}"') for kind, of in sources.BUILTIN_SOURCES.items()),
        section("Tag", "[[tags]]"),
        section("Limits", "limits of a tag"),
        section("PercentDeadband", "deadband of a tag in percent"),
        section("Asset", "[[assets]]"),
        section("EventDefinition", "[[events]]"),
        section("Zone", "[[zones]]"),
        section("Conduit", "[[conduits]]"),
    ]
    types = ", ".join(f"`{name}`" for name in DATA_TYPES)
    secret = "\n" + _table(definitions["Secret"])
    parts.append(TYPES.format(types=types, longest=model.LONGEST_NAME, secret=secret))
    return {ROOT / "docs" / "reference" / "site-file.md": "".join(parts)}


_NAMED = {"sources": ".NAME", "states": ".ASSET"}


def _table(definition: dict[str, Any], model: Any = None, *, top: bool = False) -> str:
    required = definition.get("required", [])
    rows = ["| key | type | default | meaning |\n|---|---|---|---|\n"]
    for key, field in definition["properties"].items():
        kind = _kind(field)
        if top and kind == "table":
            kind = f"`[{key}{_NAMED.get(key, '')}]`"
        if kind == "duration" and model is not None:
            fields = model.model_fields
            kind += _bounds(fields[key if key in fields else f"{key}_"].metadata)
        default = "**required**" if key in required else _default(field)
        meaning = str(field.get("description", "")).replace("|", "\\|")
        rows.append(f"| `{key}` | {kind} | {default} | {meaning} |\n")
    return "".join(rows)


def _bounds(metadata: list[Any]) -> str:
    """The bounds of a duration, which JSON Schema cannot say of a text."""
    from iiotctl.site.units import format_duration

    low = max((item.ge for item in metadata if getattr(item, "ge", None)), default=None)
    high = min((item.le for item in metadata if getattr(item, "le", None)), default=None)
    if low is None:
        return ""
    return f", from {format_duration(low)}" if high is None else f", {format_duration(low)} to {format_duration(high)}"


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


def _kind(field: dict[str, Any]) -> str:  # noqa: PLR0911 - one return a kind
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        links = {"Limits": "[table](#limits-of-a-tag)", "Secret": "[reference](#secrets)"}
        return "one of `ABCD`, `CDAB`, `BADC`, `DCBA`" if name == "Order" else links.get(name, "table")
    if "anyOf" in field:
        return " or ".join(_kind(branch) for branch in field["anyOf"])
    if "enum" in field:
        return "one of " + ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        value = field["const"]
        return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"
    if field.get("format") == "duration-with-unit":
        return "duration"
    if field.get("format") == "size-with-unit":
        return "size"
    return _plain(field)


def _plain(field: dict[str, Any]) -> str:
    kind = field.get("type")
    if kind == "array":
        if "prefixItems" in field:
            return "`[low, high]`"
        items = field["items"]
        return "`[[…]]`" if "$ref" in items else f"list of {_plain(items)}s"
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
    low, high = field.get("minimum"), field.get("maximum")
    span = f", {low:g} to {high:g}" if low is not None and high is not None else ""
    span = span or (f", from {low:g}" if low is not None else "")
    return names.get(str(kind), "table") + span


if __name__ == "__main__":
    from tools._pages import run

    sys.exit(run(pages()))
