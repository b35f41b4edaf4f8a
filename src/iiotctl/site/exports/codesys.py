"""CODESYS: the symbol configuration (XML) that the development system writes, structures and arrays included.

The OPC UA server of CODESYS offers a symbol as `ns=4;s=|var|DEVICE.Application.GVL.name`, where DEVICE is the type of
the controller (`CODESYS Control Win V3 x64`), which the file does not say. Symbols with a direct address (`%QW3`) can
be read over Modbus when `--modbus-base` says where their area lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from iiotctl.errors import UsageError
from iiotctl.site.address import Order
from iiotctl.site.exports.absolute import parse_absolute, parse_bases, place
from iiotctl.site.exports.collect import LARGEST_ARRAY, Collection, Found, Protocol, ordered

ROOT: Final = "Symbolconfiguration"
_NAMESPACE: Final = 4
_DEEPEST: Final = 64
_DEEPEST_TYPE: Final = 16
_MOST_ELEMENTS: Final = 1_000_000
_TYPES: Final = {
    "bool": "bool",
    "bit": "bool",
    "byte": "uint8",
    "usint": "uint8",
    "sint": "int8",
    "word": "uint16",
    "uint": "uint16",
    "int": "int16",
    "date": "uint32",
    "dword": "uint32",
    "udint": "uint32",
    "dint": "int32",
    "real": "float32",
    "time": "uint32",
    "lword": "uint64",
    "ulint": "uint64",
    "lint": "int64",
    "lreal": "float64",
}
_STRING: Final = re.compile(r"STRING(?:\((\d+)\))?", re.IGNORECASE)
_DEFAULT_STRING: Final = 80
_LONGEST_COMMENT: Final = 2000


@dataclass(slots=True)
class _Element:
    tag: str
    attributes: dict[str, str]
    line: int
    children: list[_Element] = field(default_factory=list)
    text: str = ""

    def named(self, tag: str) -> Iterator[_Element]:
        return (child for child in self.children if child.tag == tag)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One value: `names` from the application on, and where in an array it stands: from 0, and as the program counts."""

    names: tuple[str, ...]
    element: int | None = None
    index: int = 0


def _parse(content: bytes, name: str) -> _Element:
    """The tree of an XML file without document type and entities.

    Raises:
        UsageError: `tag-export-broken`.
    """
    top = _Element("", {}, 0)
    open_: list[_Element] = [top]
    count = 0
    parser = expat.ParserCreate(namespace_separator="}")

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(open_) > _DEEPEST or count > _MOST_ELEMENTS:
            raise UsageError("tag-export-broken", f"`{name}` is nested too deeply or too long", where=name)
        element = _Element(tag.rpartition("}")[2], attributes, parser.CurrentLineNumber)
        open_[-1].children.append(element)
        open_.append(element)

    def end(_: str) -> None:
        open_.pop()

    def characters(text: str) -> None:
        if open_[-1].tag == "Comment" and len(open_[-1].text) < _LONGEST_COMMENT:
            open_[-1].text += text

    def refuse(*_: object) -> None:
        raise UsageError("tag-export-broken", f"`{name}` declares a document type, which no export does", where=name)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise UsageError("tag-export-broken", f"`{name}` is not valid XML", where=name, cause=str(error)) from None
    except (LookupError, ValueError) as error:  # an encoding that does not exist
        raise UsageError("tag-export-broken", f"`{name}` is not valid XML", where=name, cause=str(error)) from None
    return top.children[0]


def read(content: bytes, name: str, into: Collection) -> None:
    """Every readable symbol as a tag.

    Raises:
        UsageError: `tag-export-broken`, no symbol configuration.
        UsageError: a base is wrong.
    """
    root = _parse(content, name)
    if root.tag != ROOT:
        raise UsageError("tag-export-broken", f"`{name}` is no symbol configuration of CODESYS", where=name)
    types = {
        element.attributes.get("name", ""): element for lists in root.named("TypeList") for element in lists.children
    }
    reader = _Reader(types, name, into)
    for nodes in root.named("NodeList"):
        for node in nodes.named("Node"):
            reader.node(node, ())


class _Reader:
    """Walks the nodes of one file."""

    def __init__(self, types: dict[str, _Element], name: str, into: Collection) -> None:
        self._types = types
        self._name = name
        self._into = into
        self._protocol = into.options.protocol or (Protocol.MODBUS if into.options.bases else Protocol.OPCUA)
        self._bases = parse_bases(into.options.bases, words_count=True)

    def node(self, node: _Element, path: tuple[str, ...]) -> None:
        here = (*path, node.attributes.get("name", ""))
        type_ = node.attributes.get("type")
        if type_ is None:
            for child in node.named("Node"):
                self.node(child, here)
            return
        where, shown = f"{self._name}:{node.line}", ".".join(here)
        access = node.attributes.get("access", "ReadWrite")
        if "read" not in access.lower():
            self._into.leave(where, shown, f"it may not be read (access `{access}`)")
            return
        comment = " ".join("".join(child.text for child in node.named("Comment")).split())
        if self._protocol is Protocol.MODBUS:
            self._over_modbus(where, here, type_, node.attributes.get("directaddress", ""), comment)
            return
        for leaf in self._leaves(here, type_, where, 0):
            address = f"ns={_NAMESPACE};s=|var|{self._into.options.prefix}.{'.'.join(leaf.names)}"
            names = leaf.names[1:] or leaf.names  # `Application` is the same for all
            named = names if leaf.element is None else (*names[:-1], f"{names[-1]}_{leaf.index}")
            self._into.add(where, Found(named, address, element=leaf.element, description=comment))

    def _over_modbus(self, where: str, names: tuple[str, ...], type_: str, direct: str, comment: str) -> None:
        shown = ".".join(names)
        element = self._types.get(type_)
        plain = _plain(element) if element is not None and element.tag == "TypeSimple" else ""
        at = parse_absolute(direct, words_count=True) if direct else None
        if at is None:
            self._into.leave(where, shown, "it has no direct address; `--as opcua` reads it by its name")
            return
        if not plain:
            self._into.leave(where, shown, f"its type `{type_}` has no counterpart in registers")
            return
        placed = place(at, plain, self._bases, little_endian=True)
        if isinstance(placed, str):
            self._into.leave(where, shown, placed)
            return
        order = placed.order
        if order in (Order.ABCD, Order.CDAB) and self._into.options.order is not None:
            order = ordered(plain, self._into.options.order)
        names = names[1:] or names
        self._into.add(where, Found(names, str(placed.address), plain, order, description=comment))

    def _leaves(self, names: tuple[str, ...], type_: str, where: str, depth: int) -> Iterator[_Leaf]:
        """The values inside a symbol; what cannot be one is left out with its reason."""
        element = self._types.get(type_)
        shown = ".".join(names)
        if element is None or depth > _DEEPEST_TYPE:
            self._into.leave(where, shown, f"its type `{type_}` is not described in the file")
        elif element.tag == "TypeSimple" or element.attributes.get("typeclass") == "Enum":
            if _plain(element) or element.attributes.get("typeclass") == "Enum":
                yield _Leaf(names)
            else:
                self._into.leave(where, shown, f"a `{element.attributes.get('iecname', type_)}` is no value")
        elif element.tag == "TypeUserDef":
            for member in element.named("UserDefElement"):
                inner = (*names, member.attributes.get("iecname", ""))
                yield from self._leaves(inner, member.attributes.get("type", ""), where, depth + 1)
        elif element.tag == "TypeArray":
            yield from self._elements(names, element, where, depth)
        else:
            self._into.leave(where, shown, f"a `{element.attributes.get('typeclass', element.tag)}` is no value")

    def _elements(self, names: tuple[str, ...], array: _Element, where: str, depth: int) -> Iterator[_Leaf]:
        shown = ".".join(names)
        sizes = list(array.named("ArrayDim"))
        try:
            ((first, last),) = [(int(d.attributes["minrange"]), int(d.attributes["maxrange"])) for d in sizes]
        except (KeyError, ValueError):
            self._into.leave(where, shown, "arrays of several dimensions cannot be taken apart")
            return
        if not 0 <= last - first < LARGEST_ARRAY:
            self._into.leave(
                where, shown, f"an array of {last - first + 1} elements; at most {LARGEST_ARRAY} become tags"
            )
            return
        base = self._types.get(array.attributes.get("basetype", ""))
        if base is not None and base.tag == "TypeSimple" and _plain(base):
            for index in range(last - first + 1):
                yield _Leaf(names, index, first + index)
            return
        for number in range(first, last + 1):
            inner = (*names[:-1], f"{names[-1]}[{number}]")
            yield from self._leaves(inner, array.attributes.get("basetype", ""), where, depth + 1)


def _plain(element: _Element) -> str:
    """Our type of a simple type; "" for pointers and the like."""
    word = element.attributes.get("iecname", "")
    if match := _STRING.fullmatch(word):
        return f"string({match[1] or _DEFAULT_STRING})"
    return _TYPES.get(word.lower(), "") or _TYPES.get(element.attributes.get("typeclass", "").lower(), "")
