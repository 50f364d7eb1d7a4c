"""export: a run as one file for others, without payloads and without what names a host or a person."""

from __future__ import annotations

import argparse
from pathlib import Path

from aibenchrt.exit_codes import ExitCode

from aibenchc.cli.output import add_json_argument, complain, say, say_json
from aibenchc.cli.terminal import needs
from aibenchc.cli.verdict import add_root_argument, root_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    parser.add_argument("file", type=Path, metavar="FILE", help="the .tar.gz to write; there must be none of this name")
    add_root_argument(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    needs("report", "export")
    from aibenchrt.report.export.bundle import export

    made = export(arguments.run, arguments.file, arguments.root)
    if arguments.json:
        exported = made.exported.model_dump(mode="json")
        say_json({"file": str(arguments.file), "sha256": made.sha256, "folder": made.folder, "root": made.root, "export": exported})
        return ExitCode.OK
    say(f"left out of {arguments.file}:")
    for what in made.exported.left_out:
        say(f"  {what}")
    replaced = ", ".join(f"{count} of kind '{kind}'" for kind, count in made.exported.replaced.items()) or "none"
    say(f"names replaced by neutral ones: {replaced}")
    say("kept, so read it before you pass it on:")
    for what in made.exported.kept:
        say(f"  {what}")
    say(str(arguments.file))
    complain(
        f"an export of the run with {root_text(made.exported.made_from)}, of {made.files} files, with a root of its own: "
        f"{made.root}; next: tar xzf {arguments.file} && aibenchc validate {made.folder} --recompute"
    )
    return ExitCode.OK
