"""The one place where errors are caught, shown and turned into an exit code."""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from typer._click import exceptions as vendored
from typer.exceptions import Abort, Exit

from iiotctl.cli import _console
from iiotctl.errors import ExitCode, IiotctlError, IncompleteError, SiteProblemsError, UsageError


class TerminatedError(BaseException):
    """SIGTERM arrived; not an Exception, so that no `except Exception` on the way swallows it."""


def guard(work: Callable[[], object], argv: Sequence[str]) -> int:
    """Run `work` and return the exit code; every failure ends here.

    Args:
        work: the command; may raise anything.
        argv: the words of the command line, to know format and debug mode even when they did not parse.
    """
    try:
        code = _run(work)
        _flush()
    except BrokenPipeError:
        # `iiotctl last | head`: the reader has seen enough, nothing failed.
        _close_stdout()
        return int(ExitCode.OK)
    except (KeyboardInterrupt, Abort):
        _console.complain("interrupted")
        return int(ExitCode.INTERRUPTED)
    except TerminatedError:
        _console.complain("terminated")
        return int(ExitCode.TERMINATED)
    except Exception as error:  # noqa: BLE001 - this is the one place that catches everything
        return report(error, argv)
    return code


def _run(work: Callable[[], object]) -> int:
    try:
        work()
    except Exit as leave:
        return leave.exit_code
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(ExitCode.OK if leave.code is None else ExitCode.BUG)
    except BaseExceptionGroup as group:
        raise _only(group) from None
    return int(ExitCode.OK)


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to show of a task group: ours before a stop, a stop before strangers."""
    leaves: list[BaseException] = []
    stack: list[BaseException] = [group]
    while stack:
        item = stack.pop()
        if isinstance(item, BaseExceptionGroup):
            stack.extend(item.exceptions)
        else:
            leaves.append(item)
    ranked: tuple[type[BaseException], ...] = (IiotctlError, TerminatedError, KeyboardInterrupt)
    for kind in ranked:
        for leaf in leaves:
            if isinstance(leaf, kind):
                return leaf
    return leaves[0]


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _output_failed(error) from error


def _output_failed(error: OSError) -> IncompleteError:
    _close_stdout()
    return IncompleteError(
        "output-failed",
        "the result could not be written",
        where="stdout",
        cause=error.strerror,
        hint="free space where the output goes, or choose another file with `--output FILE`",
    )


def _close_stdout() -> None:
    """Lead stdout to nothing, so that the interpreter's own flush at exit stays silent."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def report(error: Exception, argv: Sequence[str]) -> int:
    """Show `error` in our form (a JSON object with `--format json`) and return its exit code."""
    if is_debug(argv) and not isinstance(error, vendored.UsageError):
        import traceback

        for line in "".join(traceback.format_exception(error)).rstrip().split("\n"):
            _console.complain(_console.harmless(line))
    shown = translate(error, argv)
    problems = shown.problems if isinstance(shown, SiteProblemsError) else [shown]
    if _console.settings.json_lines or _given("--log-format", argv)[-1:] == ["json"]:
        for problem in problems:
            told = problem.as_dict()
            _console.settings.json_lines = True
            _console.record("error", str(told.pop("slug")), str(told.pop("what")), told)
        return int(shown.exit_code)
    if _wants_json(argv):
        document = {
            "schema": "iiotctl.error/v1",
            "complete": False,
            "exit_code": int(shown.exit_code),
            "errors": [problem.as_dict() for problem in problems],
        }
        _console.complain(json.dumps(document, ensure_ascii=True))
        return int(shown.exit_code)
    for index, problem in enumerate(problems):
        if index:
            _console.complain("")
        _console.complain(render(problem))
    if len(problems) > 1:
        _console.complain(f"\n{len(problems)} problems")
    return int(shown.exit_code)


def render(error: IiotctlError) -> str:
    """The error as people see it: what, where, cause, and a hint to paste."""
    lines = [f"{_console.paint(f'error[{error.slug}]:', 'red', 'bold')} {_console.harmless(error.what)}"]
    for name, parts in (("where", (error.where,)), ("cause", error.cause_lines)):
        if any(parts):
            text = ("\n" + " " * 9).join(_console.harmless(str(part)) for part in parts)
            lines.append(f"  {_console.paint(f'{name}:', 'bold')} {text}")
    if error.hint:
        lines += ["", f"{_console.paint('hint:', 'green', 'bold')} {_console.harmless(error.hint)}"]
    return "\n".join(lines)


def translate(error: Exception, argv: Sequence[str]) -> IiotctlError:
    """Any exception as one of ours; what nobody expected becomes a bug with a crash file."""
    if isinstance(error, IiotctlError):
        return error
    if isinstance(error, vendored.UsageError):
        return _usage(error)
    if isinstance(error, vendored.ClickException):
        return UsageError("usage", _lower(error.format_message()))
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        if error.filename is None:  # a stream, and the store names its files: stdout
            return _output_failed(error)
        return IncompleteError(
            "disk-full",
            "the disk is full",
            where=str(error.filename) if error.filename else None,
            cause=error.strerror,
            hint="free some space and run the command again; `iiotctl doctor` shows what is left",
        )
    from iiotctl.cli import _crash

    return _crash.as_error(error, argv)


def _usage(error: vendored.UsageError) -> IiotctlError:
    path = error.ctx.command_path if error.ctx is not None else "iiotctl"
    help_hint = f"`{path} --help` lists what it takes"
    if isinstance(error, vendored.NoSuchOption):
        near = sorted(error.possibilities or ())
        hint = f"did you mean {_either(near)}? {help_hint}" if near else help_hint
        return UsageError("unknown-option", f"no such option: `{error.option_name}`", where=path, hint=hint)
    if isinstance(error, vendored.MissingParameter):
        name = _parameter(error)
        return UsageError("missing-argument", f"{name} is missing", where=path, hint=help_hint)
    if isinstance(error, vendored.BadParameter):
        cause = _lower(error.message.removeprefix("Value error, ")).rstrip(".")
        return UsageError(
            "bad-value", f"the value of {_parameter(error)} is wrong: {cause}", where=path, hint=help_hint
        )
    command = re.match(r"No such command '(.*?)'\.?(?: Did you mean (.*)\?)?$", error.message, re.DOTALL)
    if command:
        near = re.findall(r"'([^']+)'", command[2] or "")
        hint = f"did you mean {_either([f'{path} {name}' for name in near])}?" if near else help_hint
        return UsageError("unknown-command", f"no such command: `{command[1]}`", where=path, hint=hint)
    return UsageError("usage", _lower(error.format_message()).rstrip("."), where=path, hint=help_hint)


def _parameter(error: vendored.BadParameter) -> str:
    if error.param is None:
        return "a parameter"
    names = [*error.param.opts, *getattr(error.param, "secondary_opts", ())]
    longest = max(names, key=len) if error.param.param_type_name == "option" else error.param.display_name_raw
    return f"`{longest}`"


def _either(names: Sequence[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _wants_json(argv: Sequence[str]) -> bool:
    return _given("--format", argv)[-1:] in (["json"], ["jsonl"])


def _given(option: str, argv: Sequence[str]) -> list[str]:
    """The values of an option on a command line that may be wrong elsewhere."""
    words = list(argv)
    given = [word.partition("=")[2] for word in words if word.startswith(f"{option}=")]
    return given + [after for word, after in itertools.pairwise(words) if word == option]


def is_debug(argv: Sequence[str]) -> bool:
    """Whether tracebacks were asked for."""
    return "--debug" in argv or os.environ.get("IIOTCTL_DEBUG", "") not in ("", "0")
