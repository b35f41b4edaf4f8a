"""The sample of `init` and the JSON Schema: valid, complete, and of one mind with the loader."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from iiotctl.site import fields, model, ring, sources, states
from iiotctl.site.jsonschema import site_schema
from iiotctl.site.template import FILES, SITE_TOML, TAGS_CSV
from tests.unit.site.plant import SITE, changed, load, problems

MODELS = [
    item
    for module in (model, ring, sources, states)
    for item in vars(module).values()
    if isinstance(item, type)
    and issubclass(item, BaseModel)
    and item.__module__ == module.__name__
    and item not in (fields.Model, sources.PluginSource)
]


def test_the_sample_loads(tmp_path: Path) -> None:
    site = load(tmp_path, SITE_TOML, tags_csv=TAGS_CSV).site
    assert set(FILES) == {"site.toml", "tags.csv"}
    assert len(site.tags) == 6
    for source in site.sources.values():  # nothing of a real plant may ever be dialled by a sample
        assert "192.0.2." in getattr(source, "host", "") or "192.0.2." in getattr(source, "url", "")


@pytest.mark.parametrize("of", MODELS, ids=lambda item: item.__name__)
def test_every_key_stands_in_the_sample(of: type[BaseModel]) -> None:
    for name, field in of.model_fields.items():
        key = field.alias or name
        assert re.search(rf"(?m)(^#? ?|[{{,] ?|\[)\[?{key}( =|[.\]])", SITE_TOML), f"{of.__name__}.{key}"


def test_the_sample_also_loads_with_its_defaults_uncommented(tmp_path: Path) -> None:
    """The commented values of sources and settings are real: without their `#` they are the defaults."""
    head, tail = SITE_TOML.split("## A serial bus")
    text = re.sub(
        r"(?m)^# (?!user|password|certificate|private_key|server_certificate|zone|never_read|min_free|queue|description|max_rate|profile)",
        "",
        head,
    )
    tail = "## A serial bus" + tail
    loaded = load(tmp_path, text + tail, tags_csv=TAGS_CSV)
    plain = load(tmp_path, SITE_TOML, tags_csv=TAGS_CSV)
    assert loaded.site.sources == plain.site.sources
    assert (loaded.site.capture, loaded.site.store) == (plain.site.capture, plain.site.store)


@pytest.mark.parametrize("of", MODELS, ids=lambda item: item.__name__)
def test_every_key_is_described(of: type[BaseModel]) -> None:
    assert [name for name, field in of.model_fields.items() if not field.description] == []


def validator(*plugins: str) -> Any:
    schema = site_schema(plugins)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("text", [SITE, SITE_TOML, "", "tags_file = ['a', 'b']"])
def test_the_schema_accepts_what_loads(text: str) -> None:
    assert list(validator().iter_errors(tomllib.loads(text))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind = ", "knid = "),
        ('period = "1s"', "period = 1"),
        ('period = "1s"', 'period = "1 second"'),
        ('"modbus-tcp"', '"mqtt"'),
        ("unit = 1\n", "unit = 300\n"),
        ('"CDAB"', '"CDBA"'),
        ('{ env = "LINE3_PASSWORD" }', '"x"'),
        ("schema = 1", "schema = 2"),
        ("[0, 250]", "[0]"),
        ('host = "192.168.10.21"\n', ""),
    ],
)
def test_the_schema_refuses_what_does_not_load(tmp_path: Path, old: str, new: str) -> None:
    text = changed(old, new)
    assert list(validator().iter_errors(tomllib.loads(text)))
    assert problems(tmp_path, text)


def test_the_schema_knows_installed_plugins() -> None:
    document = {"sources": {"b": {"type": "mqtt", "topics": ["x"]}}}
    assert list(validator().iter_errors(document))
    assert list(validator("mqtt").iter_errors(document)) == []
    assert list(validator("mqtt").iter_errors(tomllib.loads(SITE))) == []


def test_defaults_are_written_as_in_the_file() -> None:
    definitions = site_schema()["$defs"]
    assert definitions["CaptureSettings"]["properties"]["seal_every"]["default"] == "5min"
    assert definitions["CaptureSettings"]["properties"]["seal_size"]["default"] == "64MB"
    assert "null" not in str(site_schema())
