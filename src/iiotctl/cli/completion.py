"""`iiotctl completion`: scripts that let the shell finish commands and options."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """Shells with a script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


def completion(
    context: typer.Context,
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")],
) -> None:
    """Print the completion script of a shell.

    Packages install them; otherwise load the script from the shell's start-up file.

    Examples:
      source <(iiotctl completion bash)                    # in ~/.bashrc
      iiotctl completion zsh > ~/.zfunc/_iiotctl           # a folder of $fpath
      iiotctl completion fish > ~/.config/fish/completions/iiotctl.fish
      iiotctl completion powershell | Out-String | Invoke-Expression
    """
    from iiotctl.cli import _shells

    typer.echo(_shells.render(shell.value, context.find_root().command), nl=False)
