"""Which OPC UA server a word of the command line means: a URL, or a source of the site with its own keys."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from iiotctl.errors import SiteError, UsageError
from iiotctl.ops.read import Access, prepare
from iiotctl.ops.site import Opened, open_settings, source_context
from iiotctl.site.plain import did_you_mean
from iiotctl.site.settings import resolve
from iiotctl.site.sources import OpcUaSource, Secret

if TYPE_CHECKING:
    from iiotctl.sources.base import SourceContext

_DEFAULT_PORT = 4840


@dataclass(frozen=True, slots=True)
class Target:
    """A server as it is dialled.

    Attributes:
        config: URL, security, user, certificates.
        context: clocks and folders.
        source: name of the site's source that it is, or "".
        taken: names of the site's tags.
    """

    config: OpcUaSource
    context: SourceContext
    source: str = ""
    taken: Collection[str] = ()


def target_of(
    text: str,
    site: Path | None = None,
    *,
    access: Access | None = None,
    timeout_s: float | None = None,
    use_site: bool = True,
) -> Target:
    """The server that a URL or the name of a source means; a URL that the site dials gets the source's own keys.

    Args:
        text: word of the command line.
        site: `--site`; None = as it is found, and for a URL one that is wrong does no harm.
        access: security and user; what is given wins over the source's keys.
        timeout_s: s to wait for an answer; None = as the source does.
        use_site: look at the site at all.

    Raises:
        UsageError: neither a URL nor a source, or no OPC UA server.
        SiteError: the site file is wrong and needed.
    """
    given = access or Access()
    is_url = "://" in text
    opened = _opened(site, needed=not is_url) if use_site else Opened(None, resolve(None, cwd=Path.cwd()))
    context = source_context(opened, trust_first=given.trust_first)
    sources = {} if opened.loaded is None else dict(opened.loaded.site.sources)
    taken = () if opened.loaded is None else tuple(tag.name for tag in opened.loaded.site.tags)
    if not is_url and text not in sources:
        hint = did_you_mean(text, sources, "write a URL such as `opc.tcp://192.168.10.30:4840`")
        raise UsageError("unknown-name", f"`{text}` is neither a URL nor a source of the site", hint=hint)
    for name, config in sources.items():
        if isinstance(config, OpcUaSource) and (name == text or (is_url and _same(config.url, text))):
            return Target(_with(config, given, timeout_s), context, name, taken)
    if not is_url:
        raise UsageError("bad-url", f"`{text}` is no OPC UA source", hint="`iiotctl tags list` shows the sources")
    request = prepare(text, [], security=given, timeout_s=timeout_s, pki_dir=opened.settings.pki)
    if not isinstance(request.config, OpcUaSource):
        raise UsageError("bad-url", "this needs an OPC UA server", where=text, hint="write opc.tcp://HOST:4840")
    return Target(request.config, context, "", taken)


def _opened(site: Path | None, *, needed: bool) -> Opened:
    try:
        return open_settings(site)
    except SiteError:
        if needed or site is not None:
            raise
        return Opened(None, resolve(None, cwd=Path.cwd()))


def _with(config: OpcUaSource, access: Access, timeout_s: float | None) -> OpcUaSource:
    """The source with what the command line gave."""
    changes: dict[str, Any] = {}
    if access.policy != "None":
        changes["security"] = prepare(config.url, [], security=Access(access.policy)).config.security  # type: ignore[union-attr] # judged there
    if access.user is not None:
        changes |= {"user": access.user, "password": None, "user_certificate": None, "user_key": None}
    if access.password_env is not None:
        changes["password"] = Secret(env=access.password_env)
    if timeout_s is not None:
        changes["timeout"] = timeout_s
    return config.model_copy(update=changes)


def _same(one: str, other: str) -> bool:
    return _place(one) == _place(other)


def _place(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    try:
        return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORT
    except ValueError:  # a port that is none; said where the URL is read
        return parts.scheme, parts.hostname, None
