"""Completion scripts and the man page, rendered from the tree of commands.

The scripts are static: pressing TAB starts no Python (0.2 s on a fanless PC) and opens no file. They know
commands, options and the words of choices; files are left to the shell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from iiotctl import __version__
from iiotctl.cli._help import walk

SHELLS: Final = ("bash", "zsh", "fish", "powershell")


@dataclass(frozen=True, slots=True)
class Flag:
    """An option: its spellings, what it takes, and its help."""

    names: tuple[str, ...]
    takes_value: bool
    choices: tuple[str, ...]
    metavar: str
    help: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: the words that call it, its subcommands, options and first argument's choices."""

    path: tuple[str, ...]
    summary: str
    text: str
    children: tuple[tuple[str, str], ...]
    flags: tuple[Flag, ...]
    arguments: tuple[str, ...]
    choices: tuple[str, ...]


def entries(tree: Any) -> list[Entry]:
    """Every visible command of the tree, the root first."""
    return [_entry(path, command) for path, command in walk(tree)]


def _entry(path: tuple[str, ...], command: Any) -> Entry:
    flags = []
    arguments = []
    choices: tuple[str, ...] = ()
    for param in command.params:
        if getattr(param, "hidden", False):
            continue
        if param.param_type_name == "option":
            is_flag = param.is_flag or param.count
            help_ = " ".join((param.help or "").split())
            flags.append(
                Flag(
                    (*param.opts, *param.secondary_opts),
                    not is_flag,
                    _choices(param),
                    param.metavar or param.name.upper(),
                    help_,
                )
            )
        else:
            arguments.extend(param.get_usage_pieces(None))
            choices = choices or _choices(param)
    flags.append(Flag(("-h", "--help"), takes_value=False, choices=(), metavar="", help="Show help and exit."))
    children = tuple((n, _first(c.help)) for n, c in getattr(command, "commands", {}).items() if not c.hidden)
    text = (command.help or "").replace("\b\n", "")
    return Entry(path, _first(command.help), text, children, tuple(flags), tuple(arguments), choices)


def _choices(param: Any) -> tuple[str, ...]:
    descriptor = param.type_descriptor
    if descriptor.is_choice and descriptor.choices is not None:
        return tuple(str(getattr(choice, "value", choice)) for choice in descriptor.choices)
    return ()


def _first(text: str | None) -> str:
    return " ".join((text or "").replace("\b\n", "").split("\n\n", 1)[0].split())


def render(shell: str, tree: Any) -> str:
    """The completion script for `shell`, one of `SHELLS`."""
    commands = entries(tree)
    return {"bash": _bash, "zsh": _zsh, "fish": _fish, "powershell": _powershell}[shell](commands)


def _words(entry: Entry) -> list[str]:
    return [name for name, _ in entry.children] + list(entry.choices)


_BASH: Final = """\
# bash completion for iiotctl; made by `iiotctl completion bash`
_iiotctl() {
    local cur prev path="" word options="" words="" values=""
    local -i i
    cur="${COMP_WORDS[COMP_CWORD]}"
    prev="${COMP_WORDS[COMP_CWORD-1]}"
    # bash splits `--format=json` at the equals sign
    [[ $cur == "=" ]] && cur=""
    [[ $prev == "=" ]] && prev="${COMP_WORDS[COMP_CWORD-2]}"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        case "$path $word" in
@PATHS@
        esac
    done
    case "$path $prev" in
@VALUES@
    esac
    if [[ -n $values ]]; then
        [[ $values == "@files" ]] && values="" || { COMPREPLY=($(compgen -W "$values" -- "$cur")); return; }
        compopt -o default 2>/dev/null
        COMPREPLY=()
        return
    fi
    case "$path" in
@WORDS@
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
    elif [[ -n $words ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$cur"))
    else
        compopt -o default 2>/dev/null
        COMPREPLY=()
    fi
}
complete -F _iiotctl iiotctl
"""


def _joined(path: Sequence[str]) -> str:
    return "".join(f" {word}" for word in path)


def _bash(commands: list[Entry]) -> str:
    paths, values, words = [], [], []
    for entry in commands:
        here = _joined(entry.path)
        if entry.path:
            paths.append(f'            "{_joined(entry.path[:-1])} {entry.path[-1]}") path="{here}" ;;')
        for flag in entry.flags:
            if flag.takes_value:
                names = "|".join(f'"{here} {name}"' for name in flag.names)
                values.append(f'        {names}) values="{" ".join(flag.choices) or "@files"}" ;;')
        options = " ".join(name for flag in entry.flags for name in flag.names)
        words.append(f'        "{here}") options="{options}"; words="{" ".join(_words(entry))}" ;;')
    return (
        _BASH.replace("@PATHS@", "\n".join(paths))
        .replace("@VALUES@", "\n".join(values))
        .replace("@WORDS@", "\n".join(words))
    )


def _name(path: Sequence[str]) -> str:
    return "_".join(("_iiotctl", *(word.replace("-", "_") for word in path)))


def _quoted(text: str) -> str:
    return text.replace("'", "'\\''").replace(":", "\\:")


def _zsh(commands: list[Entry]) -> str:
    lines = ["#compdef iiotctl", "# zsh completion for iiotctl; made by `iiotctl completion zsh`", ""]
    for entry in commands:
        lines += [f"{_name(entry.path)}() {{", "    local context state state_descr line", "    typeset -A opt_args"]
        specs = [f"        {_zsh_flag(name, flag)}" for flag in entry.flags for name in flag.names]
        if entry.children:
            specs += ["        '1: :->command'", "        '*:: :->rest'"]
        elif entry.choices:
            specs.append(f"        '*: :({' '.join(entry.choices)})'")
        else:
            specs.append("        '*: :_files'")
        lines += ["    _arguments -C \\", " \\\n".join(specs)]
        if entry.children:
            offered = " ".join(f"'{name}:{_quoted(text)}'" for name, text in entry.children)
            lines += ["    case $state in", f"        command) local -a commands=({offered})"]
            lines += ["            _describe -t commands command commands ;;", "        rest) case $line[1] in"]
            lines += [f"            {name}) {_name((*entry.path, name))} ;;" for name, _ in entry.children]
            lines += ["        esac ;;", "    esac"]
        lines += ["}", ""]
    lines += [
        'if [ "$funcstack[1]" = "_iiotctl" ]; then',
        '    _iiotctl "$@"',
        "else",
        "    compdef _iiotctl iiotctl",
        "fi",
        "",
    ]
    return "\n".join(lines)


def _zsh_flag(name: str, flag: Flag) -> str:
    inner = _quoted(flag.help).replace("[", "\\[").replace("]", "\\]")
    text = f"[{inner}]"
    if not flag.takes_value:
        return f"'{name}{text}'"
    action = f"({' '.join(flag.choices)})" if flag.choices else "_files"
    return f"'*{name}{text}:{_quoted(flag.metavar)}:{action}'"


def _fish(commands: list[Entry]) -> str:
    lines = [
        "# fish completion for iiotctl; made by `iiotctl completion fish`",
        "function __iiotctl_at",
        "    set -l path",
        "    for word in (commandline -opc)[2..-1]",
        "        set -l next (string join ' ' $path $word)",
        "        contains -- $next $__iiotctl_paths; and set path $path $word",
        "    end",
        '    test "$path" = "$argv[1]"',
        "end",
        "set -g __iiotctl_paths " + " ".join(f"'{' '.join(entry.path)}'" for entry in commands if entry.path),
    ]
    for entry in commands:
        at = f"complete -c iiotctl -n \"__iiotctl_at '{' '.join(entry.path)}'\""
        lines += [f"{at} -f -a {name} -d '{_fish_text(text)}'" for name, text in entry.children]
        if entry.choices:
            lines.append(f"{at} -f -a '{' '.join(entry.choices)}'")
        for flag in entry.flags:
            names = " ".join(("-l " if n.startswith("--") else "-s ") + n.lstrip("-") for n in flag.names)
            value = (f" -x -a '{' '.join(flag.choices)}'" if flag.choices else " -r") if flag.takes_value else ""
            lines.append(f"{at} {names}{value} -d '{_fish_text(flag.help)}'")
    return "\n".join([*lines, ""])


def _fish_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


_POWERSHELL: Final = """\
# PowerShell completion for iiotctl; made by `iiotctl completion powershell`
Register-ArgumentCompleter -Native -CommandName iiotctl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $commands = @{
@COMMANDS@
    }
    $values = @{
@VALUES@
    }
    $path = ''
    $previous = ''
    foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
        $word = $element.ToString()
        if ($element.Extent.EndOffset -ge $cursorPosition -and $wordToComplete) { break }
        $next = if ($path) { "$path $word" } else { $word }
        if ($commands.ContainsKey($next)) { $path = $next }
        $previous = $word
    }
    $key = "$path $previous".Trim()
    $candidates = if ($values.ContainsKey($key)) { $values[$key] } else { $commands[$path] }
    $candidates | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}
"""


def _powershell(commands: list[Entry]) -> str:
    listed, values = [], []
    for entry in commands:
        here = " ".join(entry.path)
        words = [*_words(entry), *(name for flag in entry.flags for name in flag.names)]
        listed.append(f"        '{here}' = @({_array(words)})")
        for flag in entry.flags:
            if flag.choices:
                keys = [f"{here} {name}".strip() for name in flag.names]
                values += [f"        '{key}' = @({_array(flag.choices)})" for key in keys]
    return _POWERSHELL.replace("@COMMANDS@", "\n".join(listed)).replace("@VALUES@", "\n".join(values))


def _array(words: Sequence[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def man_page(tree: Any, exit_codes: dict[int, str]) -> str:
    """The man page iiotctl(1) in roff."""
    commands = entries(tree)
    root = commands[0]
    lines = [
        f'.TH IIOTCTL 1 "" "iiotctl {__version__}" "User Commands"',
        ".SH NAME",
        "iiotctl \\- capture, query and audit plant data",
        ".SH SYNOPSIS",
        ".B iiotctl",
        "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGS\\fR]...",
        ".SH DESCRIPTION",
        *_roff_text(root.text),
        ".SH COMMANDS",
    ]
    for entry in commands[1:]:
        call = " ".join(("iiotctl", *entry.path, *entry.arguments))
        lines += [f".SS {_roff(call)}", *_roff_text(entry.text), *_roff_flags(entry.flags)]
    lines += [".SH OPTIONS", *_roff_flags(root.flags), ".SH EXIT STATUS"]
    for code, meaning in exit_codes.items():
        lines += [".TP", f".B {code}", _roff(meaning.replace("`", ""))]
    lines += [".SH ENVIRONMENT"]
    for name, meaning in ENVIRONMENT.items():
        lines += [".TP", f".B {_roff(name)}", _roff(meaning.replace("`", ""))]
    return "\n".join([*lines, ""])


ENVIRONMENT: Final = {
    "IIOTCTL_SITE": "site file, when `--site` is not given",
    "IIOTCTL_STORE": "folder of the samples, when `--store` is not given",
    "IIOTCTL_DEBUG": "`1`: show tracebacks, as `--debug` does",
    "NO_COLOR": "any value: no colour, unless `--color always`",
    "FORCE_COLOR": "any value: colour even where no terminal is",
    "TERM": "`dumb`: no colour, no live display",
    "COLUMNS": "width of help and tables, when the terminal does not say",
    "IIOTCTL_PKI": "folder of our OPC UA certificate and of the server certificates that were accepted",
    "XDG_CONFIG_HOME": "the user file is `$XDG_CONFIG_HOME/iiotctl/config.toml`; else in `~/.config`",
    "XDG_DATA_HOME": "certificates are in `$XDG_DATA_HOME/iiotctl/pki`; else in `~/.local/share`",
    "XDG_STATE_HOME": "crash files are in `$XDG_STATE_HOME/iiotctl`; else in `~/.local/state`",
}
"""Variables that iiotctl reads; those of single settings (`IIOTCTL_CAPTURE_…`) stand in docs/reference/environment.md."""


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    escaped = "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in escaped)
    return re.sub(r"^([.'])", r"\\&\1", escaped)


def _roff_text(text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        raw = paragraph.splitlines()
        lines.append(".PP")
        if any(line.startswith((" ", "- ", "$ ")) for line in raw):
            lines += [".nf", *(_roff(line) for line in raw), ".fi"]
        else:
            lines += [_roff(line) for line in raw]
    return lines


def _roff_flags(flags: Sequence[Flag]) -> list[str]:
    lines: list[str] = []
    for flag in flags:
        names = ", ".join(f"\\fB{_roff(name)}\\fR" for name in flag.names)
        value = f" \\fI{_roff(flag.metavar)}\\fR" if flag.takes_value else ""
        lines += [".TP", names + value, _roff(flag.help) or "\\&"]
    return lines
