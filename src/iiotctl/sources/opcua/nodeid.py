"""Node ids as the site file writes them (OPC 10000-6 §5.3.1.10), read without any OPC UA library.

`ns=2;s=Oven.Temperature`, `i=2258`, `nsu=urn:plant:line3;s=Oven.Temperature`; identifiers `i` (number),
`s` (string), `g` (GUID), `b` (base64). A namespace URI is resolved at every connect; an index is only
right until the server changes its namespace array.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_FORM: Final = re.compile(r"(?:(?P<how>ns|nsu)=(?P<namespace>[^;]*);)?(?P<kind>[isgb])=(?P<identifier>.*)", re.DOTALL)
_HINT: Final = "write e.g. `ns=2;s=Oven.Temperature` or `nsu=urn:plant:line3;s=Oven.Temperature`"
_LAST_INDEX: Final = 0xFFFF
_LAST_NUMBER: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """A node id before its namespace is resolved.

    Attributes:
        namespace: index, or URI.
        kind: `i`, `s`, `g` or `b`.
        identifier: number, string, GUID or bytes.
    """

    namespace: int | str
    kind: str
    identifier: int | str | uuid.UUID | bytes

    def index(self, namespaces: Sequence[str]) -> int | None:
        """The namespace index in a server's namespace array, or None when it has no such namespace."""
        if isinstance(self.namespace, int):
            return self.namespace if self.namespace < max(len(namespaces), 1) else None
        try:
            return list(namespaces).index(self.namespace)
        except ValueError:
            return None


def _identifier(text: str, kind: str, word: str) -> int | str | uuid.UUID | bytes:
    if kind == "s":
        if not word:
            msg = f"`{text}` has an empty identifier; {_HINT}"
            raise ValueError(msg)
        return word
    if kind == "i":
        if not re.fullmatch(r"\d{1,10}", word) or int(word) > _LAST_NUMBER:
            msg = f"`{text}`: a numeric identifier is 0 to {_LAST_NUMBER}"
            raise ValueError(msg)
        return int(word)
    if kind == "g":
        try:
            return uuid.UUID(word)
        except ValueError:
            msg = f"`{text}`: `{word}` is not a GUID"
            raise ValueError(msg) from None
    try:
        return base64.b64decode(word, validate=True)
    except binascii.Error:
        msg = f"`{text}`: `{word}` is not base64"
        raise ValueError(msg) from None


def parse_node_id(text: str) -> NodeAddress:
    """Node id from its text.

    Raises:
        ValueError: not one of the forms in the module's docstring.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        msg = f"`{text}` is not a node id; {_HINT}"
        raise ValueError(msg)
    namespace: int | str = 0
    if match["how"] == "ns":
        if not re.fullmatch(r"\d{1,5}", match["namespace"]) or int(match["namespace"]) > _LAST_INDEX:
            msg = f"`{text}`: a namespace index is 0 to {_LAST_INDEX}; {_HINT}"
            raise ValueError(msg)
        namespace = int(match["namespace"])
    elif match["how"] == "nsu":
        namespace = match["namespace"].replace("%3B", ";").replace("%3b", ";").replace("%25", "%")
        if not namespace:
            msg = f"`{text}` has an empty namespace URI; {_HINT}"
            raise ValueError(msg)
    return NodeAddress(namespace, match["kind"], _identifier(text, match["kind"], match["identifier"]))


def format_node_id(namespace: str | None, kind: str, identifier: int | str | uuid.UUID | bytes) -> str:
    """The inverse of `parse_node_id`, with the namespace by its URI; None = namespace 0.

    Args:
        namespace: namespace URI.
        kind: `i`, `s`, `g` or `b`.
        identifier: number, string, GUID or bytes.
    """
    word = base64.b64encode(identifier).decode() if isinstance(identifier, bytes) else str(identifier)
    if namespace is None:
        return f"{kind}={word}"
    return f"nsu={namespace.replace('%', '%25').replace(';', '%3B')};{kind}={word}"
