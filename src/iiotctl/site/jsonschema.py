"""JSON Schema of the site file, for completion and checks in editors (Taplo, Even Better TOML, PyCharm)."""

from __future__ import annotations

from typing import Any, Final

from iiotctl.site.model import Site
from iiotctl.site.sources import BUILTIN_SOURCES
from iiotctl.site.units import format_duration, format_size

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NULL: Final = {"type": "null"}
_BOUNDS: Final = ("ge", "gt", "le", "lt", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def site_schema(plugin_types: tuple[str, ...] = ()) -> dict[str, Any]:
    """The schema of `site.toml`, draft 2020-12.

    Args:
        plugin_types: source types of installed plugins; their other keys are not checked.
    """
    schema = Site.model_json_schema(mode="validation")
    definitions = schema["$defs"]
    (sources,) = schema["properties"]["sources"]["patternProperties"].values()
    if plugin_types:
        definitions["PluginSource"]["properties"]["type"] |= {"enum": list(plugin_types)}
    else:
        definitions.pop("PluginSource")
        sources["oneOf"] = [branch for branch in sources["oneOf"] if not branch["$ref"].endswith("/PluginSource")]
    for model in BUILTIN_SOURCES.values():
        assert "type" in definitions[model.__name__]["required"]
    for holder in (schema, *definitions.values()):
        holder["properties"] = {key: _tidy(value) for key, value in holder.get("properties", {}).items()}
    return {"$schema": DIALECT, "title": "iiotctl site file", **{k: v for k, v in schema.items() if k != "title"}}


def _tidy(field: dict[str, Any]) -> dict[str, Any]:
    """A property as TOML sees it: no null, defaults in the file's own words, no machine-made titles."""
    found = {key: value for key, value in field.items() if key != "title"}
    branches = [branch for branch in found.pop("anyOf", []) if branch != _NULL]
    if len(branches) == 1:
        found = {**branches[0], **found}
    elif branches:
        found["anyOf"] = branches
    if found.get("type") == "string":
        # bounds of a duration or size are in seconds or bytes, which the text is not
        found = {key: value for key, value in found.items() if key not in _BOUNDS}
    default = found.get("default")
    if default is None or isinstance(default, dict):
        found.pop("default", None)
    elif found.get("format") == "duration-with-unit":
        found["default"] = format_duration(default)
    elif found.get("format") == "size-with-unit":
        found["default"] = format_size(default).replace(" ", "")
    return found
