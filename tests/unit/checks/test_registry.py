"""Checks by id, through entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from iiotctl.checks import registry
from iiotctl.errors import PluginError, UsageError
from tests.unit.checks.faketags import check, says

FAKE = check(says(), "fake-one")
OTHER = check(says(), "other")
NO_CHECK = 17


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        EntryPoint(name, f"{__name__}:{value}", registry.GROUP)
        for name, value in (("fake-one", "FAKE"), ("other", "OTHER"))
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries if group == registry.GROUP else [])


def test_all_are_chosen_unless_told() -> None:
    assert list(registry.chosen()) == ["fake-one", "other"]
    assert list(registry.chosen(["fake-*"])) == ["fake-one"]
    assert list(registry.chosen(ignore=["other"])) == ["fake-one"]


def test_an_unknown_id_names_what_was_meant() -> None:
    with pytest.raises(UsageError) as caught:
        registry.chosen(["fakeone"])
    assert (caught.value.slug, caught.value.where) == ("unknown-check", "--select")
    assert caught.value.hint == "did you mean `fake-one`?"


def test_nothing_left_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        registry.chosen(["other"], ["oth*"])
    assert caught.value.slug == "no-checks"


@pytest.mark.parametrize("value", ["MISSING", "NO_CHECK", "FAKE"])
def test_a_package_that_brings_something_else_is_a_broken_plugin(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    entry = EntryPoint("third-party", f"{__name__}:{value}", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry])
    with pytest.raises(PluginError) as caught:
        registry.chosen()
    assert (caught.value.slug, int(caught.value.exit_code)) == ("plugin-broken", 7)
    assert "--ignore third-party" in (caught.value.hint or "")
