"""Vendor profiles: every figure is a valid key with a source, and it applies only where the site file is silent."""

from __future__ import annotations

import pytest

from iiotctl.errors import SiteError
from iiotctl.site.model import Tag
from iiotctl.site.sources import ModbusRtuSource, ModbusTcpSource, OpcUaSource
from iiotctl.sources import profiles, registry
from iiotctl.sources.base import CapturedTag, SourceContext


def _modbus(**keys: object) -> ModbusTcpSource:
    return ModbusTcpSource.model_validate({"type": "modbus-tcp", "host": "127.0.0.1", **keys})


@pytest.mark.parametrize("name", profiles.names())
def test_every_figure_is_a_valid_key_and_says_where_it_comes_from(name: str) -> None:
    profile = profiles.load(name)
    assert profile.title
    assert profile.figures
    texts = {figure.key: figure.text if figure.text[-1] == "s" else figure.value for figure in profile.figures}
    _modbus(**{key: texts[key] for key in profile.modbus})
    assert set(profile.opcua) <= set(profiles.OPCUA_KEYS)
    for figure in profile.figures:
        assert len(figure.source) > 20
        assert figure.url == "" or figure.url.startswith("https://")
        assert figure.value >= 0


def test_a_key_of_the_site_file_wins_over_the_profile() -> None:
    config = profiles.applied(_modbus(profile="generic-gateway", delay="5ms"))
    assert isinstance(config, ModbusTcpSource)
    assert (config.timeout, config.delay) == (3.0, 0.005)


def test_figures_that_a_source_has_no_key_for_are_left_out() -> None:
    source = ModbusRtuSource.model_validate({"type": "modbus-rtu", "port": "/dev/x", "profile": "generic"})
    config = profiles.applied(source)
    assert isinstance(config, ModbusRtuSource)
    assert config.delay == 0.01
    assert not hasattr(config, "connections")


def test_the_registry_hands_sources_the_figures() -> None:
    tags = [CapturedTag(0, Tag(name="a", source="s", address="holding:0"))]
    context = SourceContext(now_us=lambda: 0, monotonic=lambda: 0.0)
    source = registry.create("s", _modbus(profile="generic-gateway"), tags, context)
    assert vars(source)["_config"].timeout == 3.0


def test_an_unknown_profile_is_a_problem_that_names_the_nearest() -> None:
    (problem,) = registry.check(_modbus(profile="s7-1300"), [])
    assert isinstance(problem, SiteError)
    assert problem.slug == "unknown-profile"
    assert "did you mean `s7-1" in (problem.hint or "")


def test_a_profile_that_says_nothing_about_the_protocol_is_a_problem() -> None:
    (problem,) = registry.check(_modbus(profile="kepware"), [])
    assert problem.what == "the profile `kepware` says nothing about Modbus"
    opcua = OpcUaSource.model_validate({"type": "opcua", "url": "opc.tcp://x:4840", "profile": "wago"})
    assert "OPC UA" in profiles.problems(opcua)[0].what


def test_an_opcua_source_keeps_its_own_keys() -> None:
    source = OpcUaSource.model_validate({"type": "opcua", "url": "opc.tcp://x:4840", "profile": "s7-1500"})
    assert profiles.filled_in(source) == {}
