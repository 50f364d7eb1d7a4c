"""The reader of a verb's words: whole option names only, and mistakes that are told in a line."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

from aibenchrt.exit_codes import ExitCode
from aibenchrt.shown import visible

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

Arguments = argparse._ActionsContainer  # a parser, or a group of its help


class Parser(argparse.ArgumentParser):
    """What it repeats of the command line is shown as text. on_mistake: the exit code of a command line that cannot be understood."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **{"allow_abbrev": False, **named})
        self.on_mistake: int = ExitCode.ENVIRONMENT

    def error(self, message: str) -> NoReturn:
        self.exit(self.on_mistake, f"{self.prog}: error: {message}\n  = help: `{self.prog} --help` shows its arguments\n")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        super()._print_message(visible(message), file)
