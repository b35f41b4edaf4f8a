"""Every error id that the code raises is explained, and nothing else is."""

from __future__ import annotations

import ast
import re
import tomllib

from iiotctl import errors
from iiotctl.ops.explain import CLASS_CODES, catalogue
from tests.architecture.code import PACKAGE, modules

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.IiotctlError)
}


def _raised() -> dict[str, set[str]]:
    """Slug -> classes it is raised with, from every call `SomeError("slug", …)`; a slug may be chosen by `a if b else c`."""
    found: dict[str, set[str]] = {}
    for module in modules():
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            if name not in CLASSES:
                continue
            first = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "slug"), None)
            choices = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
            for choice in choices:
                if isinstance(choice, ast.Constant) and isinstance(choice.value, str):
                    found.setdefault(choice.value, set()).add(name)
    return {slug: names for slug, names in found.items() if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)}


def _mentioned() -> str:
    return "\n".join(module.text for module in modules())


def test_every_raised_slug_is_explained() -> None:
    assert sorted(set(_raised()) - set(catalogue())) == []


def test_every_explained_slug_exists() -> None:
    text = _mentioned()
    assert [slug for slug in catalogue() if f'"{slug}"' not in text] == []


def test_exit_codes_in_the_catalogue_are_those_of_the_classes() -> None:
    wrong = {
        slug: (sorted(names), catalogue()[slug].kind)
        for slug, names in _raised().items()
        if slug in catalogue() and {int(CLASSES[name].exit_code) for name in names} != {catalogue()[slug].exit_code}
    }
    assert wrong == {}


def test_entries_are_complete() -> None:
    entries = tomllib.loads((PACKAGE / "error_catalogue.toml").read_text(encoding="utf-8"))
    for slug, entry in entries.items():
        assert set(entry) == {"class", "means", "do"}, slug
        assert entry["class"] in CLASS_CODES, slug
        assert entry["means"].strip().endswith("."), slug
        assert entry["do"].strip(), slug
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
