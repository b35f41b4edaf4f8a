"""What a check says of itself: the parts of its page, read from its module's docstring and its parameters."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from dataclasses import dataclass
from typing import Any, Final

from iiotctl.checks.base import Check

_HEAD: Final = re.compile(r"^## (.+)$", re.MULTILINE)
_FIELD: Final = re.compile(r"^ {4}((?:\w+, )*\w+): (.*)$")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field of a check's `Params`.

    Attributes:
        name: as in `Params`.
        default: as Python writes it.
        meaning: with its unit.
    """

    name: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Page:
    """A check's page.

    Attributes:
        id, title: of the check.
        summary: first sentence of the docstring.
        facts: (name, text) pairs.
        sections: (head, Markdown) in the order of the docstring.
        parameters: with defaults and meanings.
    """

    id: str
    title: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[tuple[str, str], ...]
    parameters: tuple[Parameter, ...]


def page(check: Check) -> Page:
    """The page of a check."""
    module = sys.modules.get(getattr(check.judge, "__module__", ""))
    text = inspect.getdoc(module) if module else None
    lead, *rest = _HEAD.split(text or check.title)
    sections = tuple((head, body.strip()) for head, body in zip(rest[::2], rest[1::2], strict=True))
    facts = (
        ("NE 107", f"{check.ne107} ({_STATES[str(check.ne107)]})"),
        ("severity", f"{check.severity}, unless the evidence says otherwise"),
        ("confidence", str(check.confidence)),
        ("looks at", "all tags together" if check.scope == "group" else "each tag alone"),
        ("learns", _learns(check)),
        ("at rest", "suspended" if check.moving_only else "judges too"),
    )
    return Page(check.id, check.title, lead.strip(), facts, sections, parameters(check.params))


def _learns(check: Check) -> str:
    if check.learns:
        return "from the learning period"
    if check.learn is not None:
        return "from the learning period, and judges it too"
    return "nothing; judges from the first row on"


_STATES: Final = {
    "F": "failure",
    "C": "function check",
    "S": "out of specification",
    "M": "maintenance required",
    "OK": "good",
}


def markdown(found: Page) -> str:
    """The page's own text without pictures and cases."""
    parts = [found.summary, *(f"## {head}\n\n{body}" for head, body in found.sections)]
    return "\n\n".join(parts) + "\n"


def parameters(params: type) -> tuple[Parameter, ...]:
    """Fields of a `Params` dataclass with the words of its docstring (`Attributes:`, Google style)."""
    words: dict[str, str] = {}
    names: list[str] = []
    for line in (inspect.getdoc(params) or "").partition("Attributes:")[2].splitlines():
        field = _FIELD.match(line)
        if field:
            names = field[1].split(", ")
            words.update(dict.fromkeys(names, field[2].strip()))
        elif line.strip():
            words.update({name: f"{words[name]} {line.strip()}" for name in names})
    fields: Any = dataclasses.fields(params) if dataclasses.is_dataclass(params) else ()
    return tuple(Parameter(one.name, _default(one), words.get(one.name, "")) for one in fields)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
    if field.default_factory is not dataclasses.MISSING:
        return str(field.default_factory())
    return ""
