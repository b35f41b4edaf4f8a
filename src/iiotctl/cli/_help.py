"""How help looks: plain text (no rich, half the modules), commands in groups, examples kept line by line."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer._click import Context, HelpFormatter


class Group(TyperGroup):
    """The root: commands under headings, in the order of registration; alone it prints help."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002
        """One section a heading (`rich_help_panel`), all columns aligned."""
        panels: dict[str, list[tuple[str, str]]] = {}
        width = max((len(name) for name in self.commands), default=0)
        for name, command in self.commands.items():
            if not command.hidden:
                panel = getattr(command, "rich_help_panel", None) or "Commands"
                text = command.get_short_help_str(formatter.width - 6 - width)
                panels.setdefault(str(panel), []).append((name.ljust(width), text))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)


def keep_lines(text: str) -> str:
    """Help text in which example and list paragraphs are marked as not to be wrapped (`\\b`)."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    kept = []
    for paragraph in paragraphs:
        lines = paragraph.splitlines()
        listed = any(line.startswith((" ", "- ", "$ ")) for line in lines)
        is_marked = lines[:1] == ["\b"]
        kept.append(paragraph if is_marked or not listed else "\b\n" + paragraph)
    return "\n\n".join(kept)


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each visible command of a tree with the words that call it; the root comes first with no words."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from walk(child, (*path, name))


def polish(root: Any) -> None:
    """Make every command of the tree show its help the same way."""
    for _, command in walk(root):
        if command.help:
            command.help = keep_lines(command.help)
        for param in command.params:
            if param.param_type_name == "argument" and param.metavar:
                param.display_type_rich = _no_type


def _no_type(ctx: object) -> None:
    """Arguments show their metavar alone; the type's Python name (`list[str]`) helps nobody."""
    del ctx
