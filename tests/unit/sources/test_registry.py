"""Source types are found by name; a broken one is named, not fatal for the rest."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from iiotctl.errors import PluginError
from iiotctl.sources import registry


def _points(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    points = [EntryPoint(name, value, registry.GROUP) for name, value in values.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


def test_the_built_in_types_are_installed() -> None:
    assert {"modbus-tcp", "opcua", "replay"} <= set(registry.names())


def test_loading_gives_the_class() -> None:
    assert registry.load("modbus-tcp").__name__ == "ModbusSource"


def test_an_unknown_type_is_answered_with_the_closest() -> None:
    with pytest.raises(PluginError) as caught:
        registry.load("modbus-tpc")
    assert caught.value.slug == "source-type-unknown"
    assert caught.value.hint == "did you mean `modbus-tcp`?"


@pytest.mark.parametrize("value", ["nowhere.at.all:Thing", "math:nothing"])
def test_a_plugin_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    _points(monkeypatch, odd=value)
    with pytest.raises(PluginError) as caught:
        registry.load("odd")
    assert caught.value.slug == "plugin-broken"
    assert value in str(caught.value)


def test_a_plugin_without_the_contract_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _points(monkeypatch, odd="fractions:Fraction")
    with pytest.raises(PluginError, match="contract") as caught:
        registry.load("odd")
    assert "`read_once`" in str(caught.value)
